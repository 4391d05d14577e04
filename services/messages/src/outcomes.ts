import type { Command, ConversationId, MessageStored } from '@parley/contracts'
import type { Announcer } from './announcer.ts'
import { membersNamed, toEntry } from './entries.ts'
import { activeMemberIds } from './log/fold.ts'
import type { ConversationLog } from './log/index.ts'
import type { Outcome } from './log/jobs.ts'
import type { StoredEntry } from './log/stored.ts'
import { isMessage, type View } from './log/view.ts'
import type { People } from './people.ts'

type Stored = Extract<Outcome, { outcome: 'stored' }>
type Name = Pick<Command, 'senderId' | 'clientId' | 'submittedAt'>

/**
 * Tells what commands of one conversation came to. The order is fixed: in the log → announced → inboxes → whoever gave
 * the commands hears that they are done. Killed on the way, it is all told again when the commands come again.
 */
export function createOutcomes({
  log,
  people,
  announcer,
}: {
  log: ConversationLog
  people: People
  announcer: Announcer
}): (id: ConversationId, commands: readonly Name[], outcomes: readonly Outcome[]) => Promise<void> {
  /** What a command has put into the log, as far as it is at hand: of a repeat only its last entry. */
  async function entriesOf(outcome: Stored, { senderId, clientId }: Name): Promise<readonly StoredEntry[]> {
    const { view, seq, entries, repeated } = outcome
    if (entries.length > 0 || !repeated) return entries
    const message = await log.history.messageAt(view, seq)
    if (message?.by === senderId && message.clientId === clientId) return [message]
    return log.history.entries(view, seq - 1, 1)
  }

  /**
   * A process that died in the middle of a command has left member entries whose inboxes nobody has written, and nothing
   * says which they are. What is projected has its inboxes.
   */
  const changesInTail = (view: View): StoredEntry[] =>
    view.tail.flatMap(({ entries }) => entries.filter((entry) => entry.kind === 'member'))

  async function announce(
    id: ConversationId,
    view: View,
    entries: readonly StoredEntry[],
    submittedAt: string | undefined,
  ): Promise<void> {
    const { fold } = view
    const item: MessageStored['conversations'][number] = {
      conversationId: id,
      kind: fold.kind ?? 'group',
      ...(fold.title === undefined ? {} : { title: fold.title }),
      entries: entries.map((entry) => toEntry(id, entry)),
      ...(submittedAt === undefined ? {} : { submittedAt }),
      ...(fold.memberCount <= membersNamed ? { memberIds: activeMemberIds(fold) } : {}),
    }
    await announcer.stored(item)
  }

  return async (id, commands, outcomes) => {
    const entries = new Map<number, StoredEntry>()
    const refused: Parameters<Announcer['rejected']>[0][] = []
    let view: View | undefined
    let submittedAt: string | undefined
    for (const [i, outcome] of outcomes.entries()) {
      const command = commands[i]
      if (!command) continue
      const { senderId, clientId } = command
      if (outcome.outcome === 'refused')
        refused.push({ conversationId: id, senderId, clientId, error: outcome.refusal })
      if (outcome.outcome !== 'stored') continue
      view = outcome.view
      if (submittedAt === undefined || command.submittedAt < submittedAt) submittedAt = command.submittedAt
      for (const entry of await entriesOf(outcome, command)) entries.set(entry.seq, entry)
    }
    const inOrder = [...entries.values()].sort((a, b) => a.seq - b.seq)
    await Promise.all([
      ...refused.map((item) => announcer.rejected(item)),
      ...(view && inOrder.length > 0 ? [announce(id, view, inOrder, submittedAt)] : []),
    ])
    const onlyMessages = inOrder.length > 0 && inOrder.every(isMessage)
    if (view && !onlyMessages) await people.writeInboxes(id, [...changesInTail(view), ...inOrder])
  }
}
