// A private NATS with JetStream for profiles that name no server of their own, and the streams, which Dapr does not make.
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect as connectSocket } from 'node:net'
import { join } from 'node:path'
import { findProgram } from './packages.mjs'
import { startServerProcess } from './server-process.mjs'
import { SetupError } from './terminal.mjs'

/**
 * @param {{ dataDir: string, port: number, password: string }} options
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startNats({ dataDir, port, password }) {
  const directory = join(dataDir, 'nats')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const settings = join(directory, 'nats.conf')
  writeFileSync(
    settings,
    `listen: "127.0.0.1:${port}"
authorization { user: parley, password: "${password}" }
jetstream { store_dir: "${directory}" }
`,
    { mode: 0o600 },
  )
  return startServerProcess({
    name: 'NATS',
    command: findProgram('nats-server') ?? 'nats-server',
    args: ['--config', settings],
    logFile: join(dataDir, 'logs/nats.log'),
    isReady: () => answers(port),
    stopSignal: 'SIGTERM',
  })
}

/** A server says first what it is: `INFO {"jetstream":true,…}`. */
async function answers(/** @type {number} */ port) {
  const socket = connectSocket(port, '127.0.0.1')
  socket.setTimeout(2_000, () => socket.destroy())
  try {
    await once(socket, 'connect')
    for await (const chunk of socket) return /^INFO .*"jetstream":\s*true/.test(String(chunk))
    return false
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/**
 * One stream per topic: a durable consumer has one topic and one name, and names are unique within a stream only. And a
 * stream drops an event whose id it saw in the last two minutes: a dead letter has the id of the event that it was.
 * @param {string} topic
 */
const streamOf = (topic) => ({
  name: topic.replaceAll('.', '_'), // a dot has a meaning in subjects and none in names
  subjects: [topic],
  // An event stays until every app that listens has acknowledged it; one that nobody listens to goes at once.
  retention: /** @type {const} */ ('interest'),
  storage: /** @type {const} */ ('file'),
})

/**
 * Makes the streams that are missing. One that is there stays as it is: how many replicas it has, say, is not ours.
 * @param {string} url
 * @param {readonly string[]} topics
 */
export async function provideStreams(url, topics) {
  const { connect } = await import('@nats-io/transport-node')
  const { jetstreamManager } = await import('@nats-io/jetstream')
  const { username, password, host } = new URL(url)
  const connection = await connect({
    servers: host,
    user: decodeURIComponent(username),
    pass: decodeURIComponent(password),
    reconnect: false,
    timeout: 10_000,
  }).catch((error) => {
    throw new SetupError(`NATS at ${host} does not let us in ("nats-url"): ${error.message}.`)
  })
  try {
    const { streams } = await jetstreamManager(connection)
    for (const topic of topics) {
      const stream = streamOf(topic)
      const found = await streams.find(topic).catch(() => undefined)
      if (found === undefined) await streams.add(stream)
    }
  } catch (error) {
    throw new SetupError(
      `The streams cannot be made on NATS at ${host}: ${/** @type {Error} */ (error).message}.`,
    )
  } finally {
    await connection.close()
  }
}
