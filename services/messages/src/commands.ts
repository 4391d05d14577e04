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
  /** Gives commands an outcome that were tried in vain: refused for good, so that no late copy is stored after that. */
  onGivenUp(data: MessageSubmitted): Promise<void>
  /** Carries one command out for a caller who waits. `repeated`: it had its outcome before this call. */
  execute(
    conversation: ConversationId,
    command: Command,
  ): Promise<{ seq: number; view: View; repeated: boolean; entries: readonly StoredEntry[] }>
}

const givenUp = { code: 'internal', message: 'The message could not be handled; it was set aside.' } as const

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
    await follow(conversationId, commands, outcomes)
    return outcomes
  }

  async function follow(
    conversationId: ConversationId,
    commands: readonly Command[],
    outcomes: readonly Outcome[],
  ): Promise<void> {
    const entries: StoredEntry[] = []
    let view: View | undefined
    for (const outcome of outcomes) {
      if (outcome.outcome !== 'stored') continue
      view = outcome.view
      entries.push(...(await entriesOf(outcome)))
    }
    const refused = outcomes.flatMap((outcome, i) => {
      const command = commands[i]
      if (outcome.outcome !== 'refused' || !command) return []
      const { senderId, clientId } = command
      return [{ conversationId, senderId, clientId, error: outcome.refusal }]
    })
    await Promise.all([
      ...refused.map((item) => announcer.rejected(item)),
      ...(view && entries.length > 0 ? [announce(conversationId, view, entries)] : []),
    ])
    await people.writeInboxes(conversationId, entries)
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
      const outcomes = await Promise.all(
        conversations.map(({ conversationId, commands }) => carryOut(conversationId, commands)),
      )
      const open = outcomes.flat().filter((outcome) => outcome.outcome === 'retry')
      if (open[0]) {
        const detail = `${open.length} commands have no outcome yet: ${open[0].reason}`
        throw new ChatError('unavailable', { detail })
      }
    },

    async onGivenUp({ conversations }) {
      for (const { conversationId, commands } of conversations)
        for (const command of commands) {
          const outcome = await log.writer.refuse(conversationId, command, givenUp)
          if (outcome.outcome === 'retry') throw new ChatError('unavailable', { detail: outcome.reason })
          await follow(conversationId, [command], [outcome])
        }
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
