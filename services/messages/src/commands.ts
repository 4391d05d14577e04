import {
  type Command,
  type ConversationId,
  laneOf,
  type MessageStored,
  type MessageSubmitted,
  messageSubmitted,
} from '@parley/contracts'
import { ChatError, type Clock, type Logger, type Sidecar } from '@parley/kit'
import type { Announcer } from './announcer.ts'
import { membersNamed, toEntry } from './entries.ts'
import { decide } from './log/decide.ts'
import { activeMemberIds } from './log/fold.ts'
import type { ConversationLog } from './log/index.ts'
import type { StoredEntry } from './log/stored.ts'
import type { View } from './log/view.ts'
import type { Outcome } from './log/writer.ts'
import type { People } from './people.ts'

export interface Commands {
  /** Carries out what the broker brings: once or more, late or out of order. Throws where some must come again. */
  onSubmitted(data: MessageSubmitted): Promise<void>
  /** Carries one command out for a caller who waits. `repeated`: it had its outcome before this call. */
  execute(
    conversation: ConversationId,
    command: Command,
  ): Promise<{ seq: number; view: View; repeated: boolean; entries: readonly StoredEntry[] }>
}

export function createCommands(deps: {
  log: ConversationLog
  people: People
  announcer: Announcer
  sidecar: Pick<Sidecar, 'publish'>
  clock: Clock
  logger: Logger
}): Commands {
  const { log, people, announcer, sidecar, clock, logger } = deps

  /** The order is fixed: in the log → announced → inboxes → the broker is told that the command is done. */
  async function carryOut(conversationId: ConversationId, commands: readonly Command[]): Promise<Outcome[]> {
    const outcomes = await Promise.all(commands.map((command) => log.writer.submit(conversationId, command)))
    const entries: StoredEntry[] = []
    const announcements: Promise<void>[] = []
    let view: View | undefined
    for (const [i, outcome] of outcomes.entries()) {
      const command = commands[i] as Command
      if (outcome.outcome === 'stored') {
        view = outcome.view
        entries.push(...(await entriesOf(outcome)))
      }
      if (outcome.outcome === 'refused') {
        const { senderId, clientId } = command
        announcements.push(announcer.rejected({ conversationId, senderId, clientId, error: outcome.refusal }))
      }
    }
    if (view && entries.length > 0) announcements.push(announce(conversationId, view, entries))
    await Promise.all(announcements)
    await people.writeInboxes(conversationId, entries)
    return outcomes
  }

  /** A repeat whose entry is in the pages by now: the sender still waits for it. */
  async function entriesOf(
    outcome: Extract<Outcome, { outcome: 'stored' }>,
  ): Promise<readonly StoredEntry[]> {
    if (outcome.entries.length > 0 || !outcome.repeated) return outcome.entries
    const message = await log.history.messageAt(outcome.view, outcome.seq)
    return message ? [message] : []
  }

  async function announce(id: ConversationId, view: View, entries: readonly StoredEntry[]): Promise<void> {
    const { fold } = view
    const unique = [...new Map(entries.map((entry) => [entry.seq, entry])).values()].sort(
      (a, b) => a.seq - b.seq,
    )
    const item: MessageStored['conversations'][number] = {
      conversationId: id,
      kind: fold.kind ?? 'group',
      ...(fold.title === undefined ? {} : { title: fold.title }),
      entries: unique.map((entry) => toEntry(id, entry)),
      ...(fold.memberCount <= membersNamed ? { memberIds: activeMemberIds(fold) } : {}),
    }
    await announcer.stored(item)
  }

  return {
    async onSubmitted({ conversations }) {
      const retries = await Promise.all(
        conversations.map(async ({ conversationId, commands }) => {
          const outcomes = await carryOut(conversationId, commands)
          return outcomes.filter((outcome) => outcome.outcome === 'retry').length
        }),
      )
      const open = retries.reduce((sum, count) => sum + count, 0)
      if (open > 0) throw new ChatError('unavailable', { detail: `${open} commands have no outcome yet` })
    },

    async execute(conversationId, command) {
      const view = await log.views.current(conversationId)
      const known = await log.writer.lookUp(view, command)
      if (known === undefined) {
        const decision = decide(view.fold, command, new Date(clock.now()).toISOString())
        if ('refused' in decision)
          throw new ChatError(decision.refused.code, { detail: decision.refused.message })
        // The broker is the redo log: if this process dies before it has announced the entry, another one does.
        const conversation = { conversationId, commands: [command] }
        const lane = laneOf(conversationId)
        await sidecar.publish(messageSubmitted, { lane, conversations: [conversation] }, { lane })
      }
      const [outcome] = await carryOut(conversationId, [command])
      if (outcome?.outcome === 'refused') {
        throw new ChatError(outcome.refusal.code, { detail: outcome.refusal.message })
      }
      if (outcome?.outcome !== 'stored') {
        logger.warn({ conversationId, outcome }, 'a command has no outcome yet')
        throw new ChatError('unavailable', { retryAfterMs: 1_000 })
      }
      const { seq, entries } = outcome
      return { seq, entries, view: outcome.view, repeated: known !== undefined }
    },
  }
}
