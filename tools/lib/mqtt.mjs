// The embedded MQTT broker: aedes, in this process, on loopback. Queues live in memory: the store is the truth, the
// broker only brings news of it.
import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { Readable } from 'node:stream'
import { Aedes } from 'aedes'

/** An event holds at most 128 KiB; with its envelope and room to grow, more than this is an attack or a bug. */
const maxPacketBytes = 4 * 1024 * 1024

/**
 * @param {{ port: number, password: string, onWarning: (text: string) => void }} options
 * @returns {Promise<{ port: number, stop: () => Promise<void> }>}
 */
export async function startMqtt({ port, password, onWarning }) {
  /** @type {any} the broker's persistence is not in its types */
  const broker = await Aedes.createBroker({
    // A subscriber that does not read for 5 s is disconnected; what it missed waits in its session.
    drainTimeout: 5_000,
    concurrency: 1_000,
    authenticate: (_client, _user, given, done) => done(null, isEqual(given, password)),
  })
  deliverAfterSubscribe(broker)
  broker.on('clientError', (/** @type {any} */ client, /** @type {Error} */ error) => {
    if (error.message !== 'ECONNRESET') onWarning(`broker: ${client.id}: ${error.message}`)
  })
  // Without noDelay each hop waits 44 ms for Nagle's algorithm and the delayed ACK.
  const server = createServer({ noDelay: true }, (socket) => {
    guardSize(socket, () => onWarning('broker: a packet over 4 MiB was refused'))
    broker.handle(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: /** @type {import('node:net').AddressInfo} */ (server.address()).port,
    async stop() {
      await new Promise((resolve) => {
        broker.close(resolve)
      })
      server.close()
    },
  }
}

function isEqual(/** @type {Readonly<Buffer> | undefined} */ given, /** @type {string} */ expected) {
  const [a, b] = [Buffer.from(given ?? ''), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}

/**
 * A broker may deliver what waits in a session as soon as the client connects. daprd registers its handlers later, one
 * topic at a time, and what comes before is neither handled nor acknowledged nor asked for again: after the restart of
 * a sidecar, events would wait for its next restart. So a session keeps its queue but not its subscriptions, and a topic's
 * queue is delivered when the client subscribes to that topic.
 *
 * What was delivered in the moment between may come twice; events come once or more anyway.
 */
function deliverAfterSubscribe(/** @type {any} */ broker) {
  const { persistence } = broker
  const queueOf = persistence.outgoingStream.bind(persistence)
  persistence.subscriptionsByClient = async () => []
  persistence.outgoingStream = () => Readable.from([])
  broker.on(
    'subscribe',
    async (/** @type {{ topic: string }[]} */ subscriptions, /** @type {any} */ client) => {
      if (client.clean) return
      const topics = new Set(subscriptions.map(({ topic }) => topic))
      /** @type {any[]} */
      const waiting = []
      for await (const packet of queueOf(client)) if (topics.has(packet.topic)) waiting.push(packet)
      // aedes drops packets that are older than the newest one it delivered on this connection.
      client.duplicates = Object.create(null)
      for (const packet of waiting) client.deliverQoS(packet, () => {})
    },
  )
}

/** MQTT allows packets of 256 MiB, which the parser would collect in memory before anyone is asked for a password. */
function guardSize(/** @type {import('node:net').Socket} */ socket, /** @type {() => void} */ onRefused) {
  let left = 0 // bytes of the current packet that are still to come
  /** @type {number[]} */
  let header = []
  const read = socket.read.bind(socket)
  socket.read = (size) => {
    const chunk = read(size)
    for (let at = 0; chunk && at < chunk.length; ) {
      if (left > 0) {
        const step = Math.min(left, chunk.length - at)
        left -= step
        at += step
        continue
      }
      header.push(chunk[at++])
      const last = /** @type {number} */ (header.at(-1))
      if (header.length === 1 || (last & 0x80 && header.length < 5)) continue
      left = header.slice(1).reduce((sum, byte, index) => sum + (byte & 0x7f) * 128 ** index, 0)
      header = []
      if (left > maxPacketBytes) {
        onRefused()
        socket.destroy()
        return null
      }
    }
    return chunk
  }
}
