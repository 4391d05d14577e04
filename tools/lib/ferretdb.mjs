// FerretDB (tools/ferretdb): MongoDB's protocol over SQLite files, for machines that have no MongoDB. Not for production.
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { build, cached, hasGo, isMade, make, moduleKey } from './go-module.mjs'
import { startServerProcess } from './server-process.mjs'
import { SetupError } from './terminal.mjs'

export const ferretdb = {
  name: 'ferretdb',
  version: '1.24.0',
  directory: 'tools/ferretdb',
  seconds: 50,
  flags: ['-trimpath', '-ldflags', '-s -w'],
}

/** @returns {Promise<string>} where the program is */
export async function provideFerretdb() {
  const target = cached(ferretdb)
  const key = moduleKey(ferretdb)
  if (isMade(target, [key])) return target
  if (!(await hasGo())) {
    throw new SetupError(
      'This profile needs a MongoDB: put the address of yours as "mongodb-url" into .data/secrets.json, or install Go 1.24 or later, and Parley builds FerretDB in its place.',
    )
  }
  await make(target, async (fresh) => {
    await build(ferretdb, fresh)
    return key
  })
  return target
}

/**
 * @param {import('./infrastructure.mjs').Place} place
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startFerretdb({ dataDir, port, password }) {
  const directory = join(dataDir, 'ferretdb')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  return startServerProcess({
    name: 'FerretDB',
    command: await provideFerretdb(),
    args: [`127.0.0.1:${port}`, directory],
    input: `${password}\n`,
    logFile: join(dataDir, 'logs/ferretdb.log'),
    isReady: () => isOpen(port),
    stopSignal: 'SIGTERM',
  })
}

/** @param {number} port */
const isOpen = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
