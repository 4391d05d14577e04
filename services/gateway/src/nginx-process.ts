import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, fstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Logger } from '@parley/kit'
import type { GatewaySettings } from './config.ts'
import { nginxConfig } from './nginx-config.ts'

/** Debian keeps it where only root's PATH looks. */
const extraFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/usr/local/bin']

export function findNginx(path = process.env.PATH ?? ''): string | undefined {
  return [...path.split(delimiter), ...extraFolders]
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, 'nginx'))
    .find((file) => spawnSync(file, ['-v']).status === 0)
}

/**
 * Descriptor 3 is a leash: it closes when this process ends, however it ends, and then NGINX finishes what it is
 * serving and goes. A killed gateway thus leaves nobody on its port.
 */
const leash = `
"$0" "$@" 3<&- & nginx=$!
( cat >/dev/null; kill -QUIT $nginx ) <&3 3<&- &
watch=$!
exec 3<&-
wait $nginx
status=$?
kill $watch 2>/dev/null
exit $status
`

export interface NginxProcess {
  /** Resolves with the exit code. */
  readonly ended: Promise<number>
  stop(): void
}

/** NGINX opens its log by name, and a socket cannot be opened so: then the log is a file in the run directory. */
export const accessLogOf = (stdout: number): string =>
  fstatSync(stdout).isSocket() ? 'access.log' : '/dev/stdout'

export function startNginx(
  nginx: string,
  runDir: string,
  settings: GatewaySettings & { readonly accessLog: string },
  logger: Logger,
): NginxProcess {
  const prefix = resolve(runDir)
  mkdirSync(prefix, { recursive: true, mode: 0o700 })
  const file = join(prefix, 'nginx.conf')
  const user = process.getuid?.() === 0 ? userInfo().username : undefined
  writeFileSync(file, nginxConfig({ ...settings, user }), { mode: 0o600 })
  chmodSync(file, 0o600)
  const child = spawn('/bin/sh', ['-c', leash, nginx, '-e', 'stderr', '-p', prefix, '-c', file], {
    stdio: ['ignore', 'inherit', 'inherit', 'pipe'],
    // Ctrl-C in a terminal goes to the whole group: the leash alone says when to stop.
    detached: true,
  })
  logger.info({ nginx, config: file, accessLog: settings.accessLog }, 'nginx serves')
  return {
    ended: new Promise((ended) => {
      child.on('error', (error) => {
        logger.error({ err: error }, 'nginx cannot be started')
        ended(1)
      })
      child.on('exit', (code) => {
        child.stdio[3]?.destroy()
        ended(code ?? 1)
      })
    }),
    stop: () => void child.stdio[3]?.destroy(),
  }
}
