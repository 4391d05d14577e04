import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { chmodSync, fstatSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Readable } from 'node:stream'
import type { Logger } from '@parley/kit'
import type { FoundNginx } from './choice.ts'
import type { GatewaySettings } from './config.ts'
import { nginxConfig } from './nginx-config.ts'
import { followNginx } from './nginx-log.ts'

/** Debian keeps it where only root's PATH looks. */
const extraFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/usr/local/bin']

export function findNginx(path = process.env.PATH ?? ''): FoundNginx | undefined {
  for (const folder of [...path.split(delimiter).filter(Boolean), ...extraFolders]) {
    const file = join(folder, 'nginx')
    const { status, stderr } = spawnSync(file, ['-v'], { encoding: 'utf8' })
    const version = status === 0 ? /\/(\d+\.\d+\.\d+)/.exec(stderr)?.[1] : undefined
    if (version) return { path: file, version }
  }
  return undefined
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

export interface NginxEnd {
  readonly code: number
  /** In NGINX's own words, where it could not start. */
  readonly reason: string | undefined
}
export interface NginxProcess {
  readonly ended: Promise<NginxEnd>
  stop(): void
}

/** NGINX opens its log by name, and a socket cannot be opened so: then the log is a file in the run directory. */
export const accessLogOf = (stdout: number): string =>
  fstatSync(stdout).isSocket() ? 'access.log' : '/dev/stdout'

/** Node has raised its limit to what the system allows, and NGINX inherits it. */
function connectionsPerWorker(): number {
  const limit = Number(execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }))
  return Math.min(16_384, Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit)
}

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
  const text = nginxConfig({ ...settings, user, connections: connectionsPerWorker() })
  writeFileSync(file, text, { mode: 0o600 })
  chmodSync(file, 0o600)
  const child = spawn('/bin/sh', ['-c', leash, nginx, '-e', 'stderr', '-p', prefix, '-c', file], {
    stdio: ['ignore', 'inherit', 'pipe', 'pipe'],
    // Ctrl-C in a terminal goes to the whole group: the leash alone says when to stop.
    detached: true,
  })
  logger.info({ nginx, config: file, accessLog: settings.accessLog }, 'nginx serves')
  const code = new Promise<number>((ended) => {
    child.on('error', (error) => {
      logger.error({ err: error }, 'nginx cannot be started')
      ended(1)
    })
    child.on('exit', (status) => {
      child.stdio[3]?.destroy()
      ended(status ?? 1)
    })
  })
  const reason = followNginx(child.stderr as Readable, logger)
  return {
    ended: Promise.all([code, reason]).then(([code, reason]) => ({ code, reason })),
    stop: () => void child.stdio[3]?.destroy(),
  }
}
