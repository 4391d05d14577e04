// A private RabbitMQ for profiles that name no server of their own.
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findProgram } from './packages.mjs'
import { startServerProcess } from './server-process.mjs'

/** Debian's own `rabbitmq-server` runs it as another user, who may not enter our directory. */
export const debianDirectory = '/usr/lib/rabbitmq/bin'
const debianScript = join(debianDirectory, 'rabbitmq-server')

/**
 * @param {{ dataDir: string, port: number, password: string }} options it takes the two ports after this one, too
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startRabbitmq({ dataDir, port, password }) {
  const directory = join(dataDir, 'rabbitmq')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = (/** @type {string} */ name, /** @type {string} */ content) => {
    const path = join(directory, name)
    writeFileSync(path, content, { mode: 0o600 })
    return path
  }
  const settings = [
    `listeners.tcp.1 = 127.0.0.1:${port}`,
    // The user is made at the first start, together with the data.
    'default_user = parley',
    `default_pass = ${password}`,
    'log.console.level = warning',
    'log.connection.level = error', // our own look whether it is ready is a connection that breaks off
  ]
  return startServerProcess({
    name: 'RabbitMQ',
    // Erlang's port mapper would outlive the server and serve strangers, too: ours gets an epmd of its own, in its
    // process group, which ends as one.
    command: 'sh',
    args: [
      '-c',
      'epmd -port "$ERL_EPMD_PORT" -address 127.0.0.1 & exec "$0"',
      existsSync(debianScript) ? debianScript : (findProgram('rabbitmq-server') ?? 'rabbitmq-server'),
    ],
    env: {
      HOME: directory, // the cookie that nodes know each other by
      ERL_EPMD_PORT: String(port + 2),
      ERL_CRASH_DUMP_BYTES: '0',
      RABBITMQ_NODENAME: 'parley@localhost',
      RABBITMQ_DIST_PORT: String(port + 1),
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        '-kernel inet_dist_use_interface {127,0,0,1} +sbwt none +sbwtdcpu none +sbwtdio none',
      RABBITMQ_CONFIG_FILE: file('rabbitmq.conf', `${settings.join('\n')}\n`),
      RABBITMQ_ENABLED_PLUGINS_FILE: file('enabled_plugins', '[].\n'),
      RABBITMQ_CONF_ENV_FILE: file('env.conf', ''), // not that of the machine
      RABBITMQ_ADVANCED_CONFIG_FILE: file('advanced.config', '[].\n'),
      RABBITMQ_GENERATED_CONFIG_DIR: join(directory, 'generated'),
      RABBITMQ_MNESIA_BASE: join(directory, 'data'),
      RABBITMQ_LOG_BASE: join(directory, 'log'),
      RABBITMQ_LOGS: '-',
    },
    cwd: directory,
    logFile: join(dataDir, 'logs/rabbitmq.log'),
    isReady: () => answers(port),
    readyWithinMs: 120_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 20_000,
  })
}

/** Whether a server on this port goes on with an AMQP handshake. */
async function answers(/** @type {number} */ port) {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(2_000, () => socket.destroy())
  try {
    await once(socket, 'connect')
    socket.write(Buffer.from('AMQP\x00\x00\x09\x01', 'latin1'))
    for await (const chunk of socket) return chunk[0] === 1 // a method frame: Connection.Start
    return false
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
