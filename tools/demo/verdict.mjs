// Whether all is well: pure, from what was sent, what the history says and what each person got.

/**
 * @typedef {{ clientId: string, senderId: string }} Sent
 * @typedef {{ seq: number, clientId: string, senderId: string }} Told
 * @typedef {object} Evidence
 * @property {readonly Sent[]} sent in the order of sending
 * @property {readonly string[]} acknowledged client ids
 * @property {readonly Told[]} history as read back over HTTP
 * @property {Readonly<Record<string, readonly Told[]>>} delivered by person, in the order of arrival
 *
 * @typedef {{ name: string, well: boolean, finding: string }} Check
 */

/**
 * @param {Evidence} evidence
 * @returns {Check[]}
 */
export function judge({ sent, acknowledged, history, delivered }) {
  const total = sent.length
  const stored = new Set(history.map(({ clientId }) => clientId))
  const storedOnes = sent.filter(({ clientId }) => stored.has(clientId)).length
  const unkept = acknowledged.filter((clientId) => !stored.has(clientId)).length
  const counts = Object.entries(delivered).map(([name, told]) => ({
    name,
    count: new Set(told.map(({ clientId }) => clientId)).size,
    like: sameList(told, history),
  }))
  const copies =
    repeats(history.map(({ clientId }) => clientId)) +
    Object.values(delivered).reduce((sum, told) => sum + repeats(told.map(({ seq }) => seq)), 0)
  const misplaced = outOfOrder(sent, history)
  return [
    {
      name: 'stored',
      well: storedOnes === total && unkept === 0 && acknowledged.length === total,
      finding: `${storedOnes} of ${total}${unkept > 0 ? `, and ${unkept} acknowledged but not stored` : ''}`,
    },
    {
      name: 'delivered',
      well: counts.every(({ count }) => count === total),
      finding: counts.map(({ name, count }) => `${count} of ${total} to ${name}`).join(', '),
    },
    {
      name: 'order',
      well: misplaced === 0 && counts.every(({ like }) => like),
      finding: order(misplaced, counts),
    },
    { name: 'duplicates', well: copies === 0, finding: String(copies) },
  ]
}

/**
 * @param {number} misplaced
 * @param {readonly { name: string, like: boolean }[]} people
 */
function order(misplaced, people) {
  if (misplaced > 0) return `${misplaced} stored in another order than they were sent`
  const others = people.filter(({ like }) => !like).map(({ name }) => name)
  return others.length > 0
    ? `${others.join(' and ')} got another sequence than the history has`
    : 'as sent, and the same for everyone'
}

/**
 * @param {readonly Told[]} told
 * @param {readonly Told[]} history
 */
const sameList = (told, history) =>
  told.length === history.length && told.every(({ seq }, index) => history[index]?.seq === seq)

/** @param {readonly unknown[]} list */
const repeats = (list) => list.length - new Set(list).size

/**
 * How many messages of a sender stand before one that was sent earlier.
 * @param {readonly Sent[]} sent
 * @param {readonly Told[]} history
 */
function outOfOrder(sent, history) {
  const place = new Map(sent.map(({ clientId }, index) => [clientId, index]))
  /** @type {Map<string, number>} */
  const latest = new Map()
  let count = 0
  for (const { clientId, senderId } of history) {
    const mine = place.get(clientId) ?? 0
    const before = latest.get(senderId) ?? -1
    if (mine < before) count++
    latest.set(senderId, Math.max(mine, before))
  }
  return count
}
