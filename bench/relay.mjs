// What Parley is measured against: Socket.IO with its Redis adapter and nothing else. Whoever connects says which rooms
// they are in; a message goes to the room and is acknowledged at once. No accounts, nothing is stored, nothing is sent
// again, and the order is that of one process.
import { createServer } from 'node:http'
import { createAdapter } from '@socket.io/redis-adapter'
import { Redis } from 'ioredis'
import { Server } from 'socket.io'
import { serve } from './rpc.mjs'

const http = createServer()
const io = new Server(http)
/** @type {Map<string, number>} */
const heads = new Map()
/** So that a test can see whether the load would notice. */
let faults = { loseEvery: 0, doubleEvery: 0 }
let count = 0
const due = (/** @type {number} */ every) => every > 0 && count % every === 0

io.on('connection', (socket) => {
  socket.join(socket.handshake.auth.rooms ?? [])
  socket.emit('ready', {})
  socket.on('message:send', ({ conversationId, clientId, text }, acknowledge) => {
    const seq = (heads.get(conversationId) ?? 0) + 1
    heads.set(conversationId, seq)
    const message = { conversationId, seq, clientId, text, createdAt: new Date().toISOString() }
    count++
    const times = due(faults.loseEvery) ? 0 : due(faults.doubleEvery) ? 2 : 1
    for (let copy = 0; copy < times; copy++) {
      io.to(conversationId).emit('entry', { conversationId, seq, kind: 'message', message })
    }
    acknowledge({ ok: true, message })
  })
})

serve({
  /** @param {{ redisUrl?: string, loseEvery?: number, doubleEvery?: number }} options */
  async listen({ redisUrl, ...planted }) {
    faults = { ...faults, ...planted }
    if (redisUrl !== undefined) {
      const publisher = new Redis(redisUrl)
      io.adapter(createAdapter(publisher, publisher.duplicate()))
    }
    await new Promise((resolve) => http.listen(0, '127.0.0.1', () => resolve(undefined)))
    const { port } = /** @type {import('node:net').AddressInfo} */ (http.address())
    return { url: `http://127.0.0.1:${port}` }
  },
})
