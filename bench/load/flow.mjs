// An open loop: messages are due at fixed times, whether earlier ones were answered or not, and each is timed from when it
// was due. A server that stalls is charged for all that should have happened meanwhile (no coordinated omission).
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../../tools/lib/numbers.mjs'
import { rooms } from './accounts.mjs'
import { brokenLines, lines, listening } from './sockets.mjs'

const text = 'The quick brown fox jumps over the lazy dog, twice a day.'
const tickMs = 2

/**
 * @typedef {object} Flow
 * @property {number[]} rooms their numbers; messages go round the rooms, and in each round its members
 * @property {number} perSecond
 * @property {number} seconds
 * @property {number} warmUpSeconds not counted in latencies
 * @property {number} drainSeconds how long answers and deliveries may take after the last message was due
 *
 * @typedef {object} FlowResult
 * @property {number} sent
 * @property {number} acknowledged
 * @property {number} delivered complete: to everyone in the room but the sender
 * @property {number} doubled
 * @property {number} misordered
 * @property {number} refused
 * @property {number} broken connections
 * @property {number} lagMs p99 of how late the load itself was
 * @property {{ p50: number, p99: number }} ack
 * @property {{ p50: number, p99: number }} recipient the last recipient of each message
 */

/**
 * @param {Flow} flow
 * @returns {Promise<FlowResult>}
 */
export async function run(flow) {
  const prefix = randomBytes(6).toString('hex')
  const total = Math.round(flow.perSecond * (flow.seconds + flow.warmUpSeconds))
  const firstCounted = Math.round(flow.perSecond * flow.warmUpSeconds)
  const book = createBook(total)
  const plan = planOf(flow.rooms)
  listening.onEntry = book.listener(prefix)
  const start = performance.now() + 100
  const gapMs = 1000 / flow.perSecond
  for (let next = 0; next < total; ) {
    const now = performance.now()
    for (; next < total && start + next * gapMs <= now; next++) {
      send(book, `${prefix}-${next}`, next, start + next * gapMs, plan(next))
    }
    await sleep(tickMs)
  }
  const deadline = performance.now() + flow.drainSeconds * 1000
  while (book.open() > 0 && performance.now() < deadline) await sleep(20)
  // Copies come after the first ones.
  await sleep(200)
  listening.onEntry = () => {}
  return { ...book.result(firstCounted), broken: brokenLines() }
}

/**
 * @param {number[]} numbers
 * @returns {(index: number) => { conversationId: string, sender: number, recipients: number }}
 */
function planOf(numbers) {
  /** @type {Map<number, number[]>} */
  const linesOf = new Map()
  for (const [line, { person }] of lines.entries())
    linesOf.set(person, [...(linesOf.get(person) ?? []), line])
  const targets = numbers.map((number) => {
    const { conversationId, members } = /** @type {import('./accounts.mjs').Room} */ (rooms[number])
    return { conversationId, there: members.flatMap((person) => linesOf.get(person) ?? []) }
  })
  return (index) => {
    const { conversationId, there } = /** @type {{ conversationId: string, there: number[] }} */ (
      targets[index % targets.length]
    )
    const sender = /** @type {number} */ (there[Math.floor(index / targets.length) % there.length])
    return { conversationId, sender, recipients: there.length - 1 }
  }
}

/**
 * @param {ReturnType<typeof createBook>} book
 * @param {string} clientId
 * @param {number} index
 * @param {number} due
 * @param {{ conversationId: string, sender: number, recipients: number }} target
 */
function send(book, clientId, index, due, { conversationId, sender, recipients }) {
  book.sent(index, due, sender, recipients)
  lines[sender]?.socket.emit(
    'message:send',
    { conversationId, clientId, text },
    (/** @type {{ ok: boolean }} */ { ok }) => book.answered(index, ok),
  )
}

/** @param {number} total */
function createBook(total) {
  const due = new Float64Array(total)
  const acked = new Float64Array(total)
  const complete = new Float64Array(total)
  const missing = new Int32Array(total).fill(-1)
  const senders = new Int32Array(total)
  /** @type {number[]} */
  const lag = []
  /** @type {Map<string, number>} */
  const cursors = new Map()
  const counts = { sent: 0, acknowledged: 0, delivered: 0, doubled: 0, misordered: 0, refused: 0 }

  return {
    /** @type {(index: number, due: number, sender: number, recipients: number) => void} */
    sent(index, dueAt, sender, recipients) {
      counts.sent++
      due[index] = dueAt
      senders[index] = sender
      missing[index] = recipients
      lag.push(performance.now() - dueAt)
    },
    /** @type {(index: number, ok: boolean) => void} */
    answered(index, ok) {
      counts[ok ? 'acknowledged' : 'refused']++
      acked[index] = performance.now()
    },
    /** @type {(prefix: string) => (line: number, entry: import('./sockets.mjs').Entry) => void} */
    listener:
      (prefix) =>
      (line, { conversationId, seq, kind, message }) => {
        if (kind !== 'message' || !message?.clientId.startsWith(prefix)) return
        const place = `${line} ${conversationId}`
        const cursor = cursors.get(place) ?? 0
        if (seq === cursor) counts.doubled++
        else if (seq < cursor) counts.misordered++
        cursors.set(place, Math.max(seq, cursor))
        const index = Number(message.clientId.slice(prefix.length + 1))
        if (senders[index] === line) return
        const left = /** @type {number} */ (missing[index]) - 1
        missing[index] = left
        if (left === 0) {
          complete[index] = performance.now()
          counts.delivered++
        }
        if (left < 0) counts.doubled++
      },
    /** How many are not answered or not delivered to everyone. */
    open: () => counts.sent - Math.min(counts.acknowledged + counts.refused, counts.delivered),
    /** @type {(firstCounted: number) => Omit<FlowResult, 'broken'>} */
    result(firstCounted) {
      const since = (/** @type {Float64Array} */ ends) => {
        /** @type {number[]} */
        const values = []
        for (let index = firstCounted; index < total; index++) {
          const end = /** @type {number} */ (ends[index])
          // What never came took for ever.
          values.push(end === 0 ? Number.POSITIVE_INFINITY : end - /** @type {number} */ (due[index]))
        }
        return { p50: percentile(values, 0.5), p99: percentile(values, 0.99) }
      }
      return { ...counts, lagMs: percentile(lag, 0.99), ack: since(acked), recipient: since(complete) }
    },
  }
}
