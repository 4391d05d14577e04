import type { ConversationId, Entry, UserId } from '@parley/contracts'
import { type Block, toEntry, unreadOf } from '@parley/messages'
import { type Options, World } from './world.ts'

/** Runs one seed and answers everything that was wrong with it; nothing where all is well. */
export async function simulate(seed: number, options: Options = {}): Promise<string[]> {
  const world = new World(seed, options)
  await world.run()
  const wrong = [...world.violations, ...world.store.breaches]
  for (const id of world.conversations) {
    const log = readLog(world, id, wrong)
    checkMessages(world, id, log, wrong)
    checkReceived(world, id, log, wrong)
    await checkReads(world, id, log, wrong)
  }
  return wrong
}

/** The log as it lies in the store, checked block by block. */
function readLog(world: World, id: ConversationId, wrong: string[]): Entry[] {
  const log: Entry[] = []
  let nonce = ''
  for (let n = 1; ; n++) {
    const document = world.store.documents.get(`log:${id}:${n}`)
    if (!document) break
    const block = (JSON.parse(document.data) as { v: Block }).v
    if (block.prevNonce !== nonce) wrong.push(`block ${id}:${n} does not continue the one before`)
    nonce = block.nonce
    for (const entry of block.entries) {
      if (entry.seq !== log.length + 1) wrong.push(`${id}: seq ${entry.seq} stands at ${log.length + 1}`)
      log.push(toEntry(id, entry))
    }
  }
  const blocks = [...world.store.documents.keys()].filter((key) => key.startsWith(`log:${id}:`))
  const last = blocks.map((key) => Number(key.split(':')[2])).sort((a, b) => b - a)[0] ?? 0
  if (last !== blocks.length) wrong.push(`${id}: ${blocks.length} blocks, the last is ${last}`)
  return log
}

/** Everything acknowledged is there once, in the order of its sender; nothing refused is there. */
function checkMessages(world: World, id: ConversationId, log: Entry[], wrong: string[]): void {
  const places = new Map<string, number[]>()
  for (const entry of log) {
    if (entry.kind !== 'message') continue
    const key = `${entry.by}/${entry.message.clientId}`
    places.set(key, [...(places.get(key) ?? []), entry.seq])
  }
  for (const [key, seqs] of places)
    if (seqs.length > 1) wrong.push(`${key} is in ${id} at ${seqs.join(' and ')}`)
  for (const person of world.people) {
    let before = 0
    for (const sent of person.sent.get(id) ?? []) {
      const [seq] = places.get(`${person.user}/${sent.clientId}`) ?? []
      const isPoison = sent.clientId.endsWith('!')
      if (isPoison !== (sent.state === 'internal')) wrong.push(`${sent.clientId} ended as ${sent.state}`)
      if (isPoison && !world.deadLetters.includes(sent.clientId))
        wrong.push(`${sent.clientId} is no dead letter`)
      if (sent.state === 'stored') {
        if (seq !== sent.seq) wrong.push(`${sent.clientId} was acknowledged at ${sent.seq} and is at ${seq}`)
        if (seq !== undefined && seq < before)
          wrong.push(`${sent.clientId} at ${seq} overtook the one at ${before}`)
        before = Math.max(before, seq ?? 0)
      } else if (seq !== undefined) {
        wrong.push(`${sent.clientId} ended as ${sent.state} and is stored at ${seq}`)
      }
      const { submittedAt, answeredAt = 0 } = sent
      const wasOut = world.absences.some(
        ({ user, from, to }) => user === person.user && from <= answeredAt && to >= submittedAt,
      )
      if (sent.state === 'refused' && !(wasOut && sent.code === 'conversation_not_found'))
        wrong.push(`${sent.clientId} of a member was refused: ${sent.code}`)
    }
  }
}

/** Everyone has seen the whole log, in order; and over the socket nobody saw what came while they were out. */
function checkReceived(world: World, id: ConversationId, log: Entry[], wrong: string[]): void {
  const members = new Map<UserId, boolean[]>()
  for (const person of world.people) {
    let isIn = false
    members.set(
      person.user,
      log.map((entry) => {
        const wasIn = isIn
        if (entry.kind === 'member' && entry.userId === person.user) isIn = entry.change !== 'removed'
        return isIn || wasIn
      }),
    )
  }
  for (const person of world.people) {
    const received = person.received.get(id) ?? []
    if (JSON.stringify(received) !== JSON.stringify(log))
      wrong.push(`${person.user} has ${received.length} of ${log.length} entries of ${id}, or others`)
    const mayHave = members.get(person.user) ?? []
    for (const { conversation, entry } of person.live)
      if (conversation === id && !mayHave[entry.seq - 1])
        wrong.push(`${person.user} was sent ${id}:${entry.seq} while out of the conversation`)
  }
}

/** History, entries and unread counts say what the log says, from whatever is in pages, tail and memory. */
async function checkReads(world: World, id: ConversationId, log: Entry[], wrong: string[]): Promise<void> {
  const messages = log.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : []))
  await world.ask(async (node) => {
    const view = await node.log.views.current(id)
    const seqs: number[] = []
    let before: number | undefined
    do {
      const page = await node.log.history.messages(view, { before, limit: 7 }, 1_000_000)
      seqs.unshift(...page.items.map(({ seq }) => seq))
      before = page.hasMore ? page.fromSeq : undefined
    } while (before !== undefined)
    if (seqs.join() !== messages.map(({ seq }) => seq).join()) wrong.push(`history of ${id}: ${seqs.join()}`)
    for (const person of world.people) {
      const readSeq = world.random.between(0, log.length)
      const own = messages.filter(({ senderId }) => senderId === person.user).at(-1)?.seq ?? 0
      const expected = messages.filter(
        (m) => m.seq > Math.max(readSeq, own) && m.senderId !== person.user,
      ).length
      const count = await node.log.history.countUpTo(view, readSeq)
      const { unread } = unreadOf(view.fold, person.user, { readSeq, count })
      if (unread !== expected) wrong.push(`${person.user} has ${unread} unread in ${id}, not ${expected}`)
    }
  })
}
