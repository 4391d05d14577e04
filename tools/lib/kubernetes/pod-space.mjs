// What a pod has for itself and a process of this machine has not: names of other pods, and files below /run. Both in a mount
// namespace that ends with the process. Linux only.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const unshare = () => ['unshare', process.getuid?.() === 0 ? '-m' : '-rm', '--propagation', 'private']

/** @returns {string | undefined} why there can be none here */
export function noPodSpace() {
  if (process.platform !== 'linux') return 'mount namespaces are Linux only'
  const [program = '', ...args] = unshare()
  const { status } = spawnSync(program, [...args, 'mount', '-t', 'tmpfs', 'tmpfs', '/run'])
  return status === 0 ? undefined : 'this user may not make mount namespaces (unshare -rm)'
}

const enter = `
if [ -d "$1/run" ]; then mount -t tmpfs tmpfs /run && cp -R "$1/run/." /run; fi
mount --bind "$1/hosts" /etc/hosts && shift && exec "$@"`

/**
 * @param {object} options
 * @param {string} options.directory of its own
 * @param {Readonly<Record<string, string>>} [options.hosts] name → address
 * @param {Readonly<Record<string, string>>} [options.run] path below /run → content; without it, /run is the machine's
 * @param {string} options.command
 * @param {readonly string[]} options.args
 * @returns {{ command: string, args: string[] }} what to spawn
 */
export function inPodSpace({ directory, hosts = {}, run, command, args }) {
  mkdirSync(directory, { recursive: true })
  const names = Object.entries({ localhost: '127.0.0.1', ...hosts })
  writeFileSync(join(directory, 'hosts'), names.map(([name, address]) => `${address} ${name}\n`).join(''))
  for (const [path, content] of Object.entries(run ?? {})) {
    const file = join(directory, 'run', path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content, { mode: 0o600 })
  }
  const [program = '', ...flags] = unshare()
  return { command: program, args: [...flags, 'sh', '-ec', enter, 'sh', directory, command, ...args] }
}
