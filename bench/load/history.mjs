// A long room: filled as fast as it takes messages, then read page by page, as somebody does who scrolls up.
import { randomBytes } from 'node:crypto'
import { Agent, get } from 'node:http'
import { percentile } from '../../tools/lib/numbers.mjs'
import { request, rooms, tokenOf } from './accounts.mjs'
import { lines } from './sockets.mjs'

const underWay = 100
const agent = new Agent({ keepAlive: true })

/**
 * From the request to the last byte of the answer, in ms. Not by `fetch`, which on two cores takes a good part of a
 * millisecond from the server.
 * @param {string} url
 * @param {string} token
 * @returns {Promise<{ ms: number, text: string }>}
 */
function timed(url, token) {
  const start = performance.now()
  return new Promise((resolve, reject) => {
    const asked = get(
      url,
      { agent, headers: { authorization: `Bearer ${token}` }, timeout: 60_000 },
      (answer) => {
        let text = ''
        answer.setEncoding('utf8')
        answer.on('data', (part) => (text += part))
        answer.on('error', reject)
        answer.on('end', () => {
          const ms = performance.now() - start
          if (answer.statusCode === 200) resolve({ ms, text })
          else reject(new Error(`${url}: ${answer.statusCode} ${text.slice(0, 300)}`))
        })
      },
    )
    asked.on('error', reject)
    asked.on('timeout', () => asked.destroy(new Error(`${url}: no answer in a minute`)))
  })
}

/** @param {{ room: number, count: number }} options every connection of the room's members sends */
export async function fill({ room, count }) {
  const { conversationId, members } = /** @type {import('./accounts.mjs').Room} */ (rooms[room])
  const senders = lines.filter(({ person }) => members.includes(person))
  const prefix = randomBytes(6).toString('hex')
  let sent = 0
  const work = async (/** @type {import('./sockets.mjs').Line} */ { socket }) => {
    while (sent < count) {
      const payload = {
        conversationId,
        clientId: `${prefix}-${sent++}`,
        text: `Message ${sent} of a long room.`,
      }
      const { ok, error } = await socket.timeout(60_000).emitWithAck('message:send', payload)
      if (!ok) throw new Error(`filling: ${JSON.stringify(error)}`)
    }
  }
  const workers = senders.flatMap((line) =>
    Array.from({ length: underWay / senders.length }, () => work(line)),
  )
  await Promise.all(workers)
}

/**
 * One page at a time, from places all over the room; the first tenth is not counted.
 * @param {{ url: string, room: number, pages: number, limit: number }} options
 */
export async function readPages({ url, room, pages, limit }) {
  const { conversationId, members } = /** @type {import('./accounts.mjs').Room} */ (rooms[room])
  const token = await tokenOf(url, members[0] ?? 0)
  const path = `/api/conversations/${conversationId}/messages?limit=${limit}`
  const { head } = await request(url, path, { token })
  /** @type {number[]} */
  const times = []
  for (let index = 0; index < pages; index++) {
    // Not by chance: the same places in every run, far from each other. The first seqs are the members' entries.
    const lowest = limit + members.length + 2
    const before = lowest + ((index * 7_919) % Math.max(1, head - lowest))
    const { ms, text } = await timed(`${url}${path}&before=${before}`, token)
    const { items } = JSON.parse(text)
    if (index >= pages / 10) times.push(ms)
    if (items.length !== limit) throw new Error(`a page has ${items.length} messages instead of ${limit}`)
  }
  return { head, p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}
