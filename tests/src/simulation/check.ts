import type { ConversationId, Entry, UserId } from '@parley/contracts'
import { unreadOf } from '@parley/messages'
import { checkLog, readLog } from './check-log.ts'
import { checkReceived } from './check-received.ts'
import type { Sent } from './person.ts'
import { type Options, World } from './world.ts'

/** Runs one seed and answers everything that was wrong with it; nothing where all is well. */
export async function simulate(seed: number, options: Options = {}): Promise<string[]> {
  const world = new World(seed, options)
  await world.run()
  const wrong = [...world.violations, ...world.store.breaches]
  for (const id of world.conversations) {
    const log = readLog(world, id, wrong)
    checkLog(world, id, log, wrong)
    for (const { user, sent } of [...world.people, world.posts])
      checkSent(world, user, sent.get(id) ?? [], log, wrong)
    checkReceived(world, id, log, wrong)
    await checkReads(world, id, log, wrong)
  }
  await checkDeadLetters(world, wrong)
  return wrong
}

/** What a sender was told is so: stored is there, in the order in which it was sent; refused is not. */
function checkSent(world: World, user: UserId, all: readonly Sent[], log: Entry[], wrong: string[]): void {
  let before = 0
  for (const sent of all) {
    const { clientId, state, submittedAt, answeredAt = 0 } = sent
    const seq = log.find(
      (entry) => entry.kind === 'message' && entry.by === user && entry.message.clientId === clientId,
    )?.seq
    // Beside a poison item that only the batcher can find, others may be taken for it: see the dead letters.
    const expected = clientId.endsWith('!')
      ? state === 'internal'
      : state !== 'internal' || world.poison === 'blind'
    if (!expected) wrong.push(`${clientId} ended as ${state}`)
    if (state === 'stored') {
      if (seq !== sent.seq) wrong.push(`${clientId} was acknowledged at ${sent.seq} and is at ${seq}`)
      if (seq !== undefined && seq < before) wrong.push(`${clientId} at ${seq} overtook the one at ${before}`)
      before = Math.max(before, seq ?? 0)
    } else if (seq !== undefined) {
      wrong.push(`${clientId} ended as ${state} and is stored at ${seq}`)
    }
    const wasOut = world.absences.some(
      (absence) => absence.user === user && absence.from <= answeredAt && absence.to >= submittedAt,
    )
    if (state === 'refused' && !(wasOut && sent.code === 'conversation_not_found'))
      wrong.push(`${clientId} of a member was refused: ${sent.code}`)
  }
}

/** A replica that knows nothing says what the log says: history, entries, unread counts, lists. */
async function checkReads(world: World, id: ConversationId, log: Entry[], wrong: string[]): Promise<void> {
  const messages = log.flatMap((entry) => (entry.kind === 'message' ? [entry.message] : []))
  await world.ask(id, wrong, async (node) => {
    const view = await node.log.views.current(id)
    const seqs: number[] = []
    let before: number | undefined
    do {
      const page = await node.log.history.messages(view, { before, limit: 7 }, 1_000_000)
      seqs.unshift(...page.items.map(({ seq }) => seq))
      before = page.hasMore ? page.fromSeq : undefined
    } while (before !== undefined)
    if (seqs.join() !== messages.map(({ seq }) => seq).join()) wrong.push(`history of ${id}: ${seqs.join()}`)

    const entries: Entry[] = []
    while (entries.length < view.fold.seq) entries.push(...(await node.entries(id, entries.length)).items)
    if (JSON.stringify(entries) !== JSON.stringify(log))
      wrong.push(`${id} has ${entries.length} entries to be read, or others than the log`)

    for (const { user } of [...world.people, world.posts]) {
      const readSeq = world.random.between(0, log.length)
      const own = messages.filter(({ senderId }) => senderId === user).at(-1)?.seq ?? 0
      const expected = messages.filter((m) => m.seq > Math.max(readSeq, own) && m.senderId !== user).length
      const count = await node.log.history.countUpTo(view, readSeq)
      const { unread } = unreadOf(view.fold, user, { readSeq, count })
      if (unread !== expected) wrong.push(`${user} has ${unread} unread in ${id}, not ${expected}`)
      const mine = await node.heads(user)
      if (!mine.some(({ conversationId, head }) => conversationId === id && head === log.length))
        wrong.push(`${id} is not among the conversations of ${user}`)
    }
  })
}

/**
 * What is answered `internal` is kept, alone. Where the consumer is blind to poison all that shared its event goes alone,
 * and what is overtaken twice then, on a bad day, is given up like the poison; or found in the log after all.
 */
async function checkDeadLetters(world: World, wrong: string[]): Promise<void> {
  const letters = (await world.ask('the list of dead letters', wrong, (node) => node.deadLetters())) ?? []
  const kept = letters.map(({ event }) =>
    [...JSON.stringify(event).matchAll(/"clientId":"([^"]*)"/g)].map(([, name]) => name ?? '').join(),
  )
  const sent = world.people.flatMap((person) => [...person.sent.values()].flat())
  for (const { clientId, state } of sent)
    if (state === 'internal' && !kept.includes(clientId)) wrong.push(`${clientId} is no dead letter`)
  for (const name of kept)
    if (!sent.some(({ clientId, state }) => clientId === name && state !== 'refused'))
      wrong.push(`a dead letter holds ${name}`)
}
