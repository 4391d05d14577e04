// A private Redis for profiles that name no server of their own. Its settings are those that a store of record needs.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { startServerProcess } from './server-process.mjs'

/**
 * @param {{ dataDir: string, port: number, password: string }} options
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startRedis({ dataDir, port, password }) {
  const directory = join(dataDir, 'redis')
  mkdirSync(directory, { recursive: true })
  const settings = [
    'bind 127.0.0.1',
    `port ${port}`,
    `requirepass ${password}`, // from standard input: arguments are there for every user of the machine to read
    `dir "${directory}"`,
    'appendonly yes',
    'appendfsync always', // an acknowledged message is on the disk
    'maxmemory-policy noeviction',
    'save ""',
  ]
  return startServerProcess({
    name: 'Redis',
    command: 'redis-server',
    args: ['-'],
    input: `${settings.join('\n')}\n`,
    logFile: join(dataDir, 'logs/redis.log'),
    isReady: () => answers(port, password),
    stopSignal: 'SIGTERM',
  })
}

async function answers(/** @type {number} */ port, /** @type {string} */ password) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.write(`AUTH ${password}\r\nPING\r\n`)
    let said = ''
    for await (const chunk of socket) {
      said += chunk
      if (said.includes('PONG')) return true
      if (said.includes('LOADING')) return false
    }
    return false
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
