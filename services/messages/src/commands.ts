import {
  type Command,
  type ConversationId,
  deadLetterTopic,
  laneOf,
  type MessageSubmitted,
  messageSubmitted,
  type SetAside,
} from '@parley/contracts'
import { ChatError, type Clock, type Logger, type Sidecar } from '@parley/kit'
import type { Announcer } from './announcer.ts'
import { decide } from './log/decide.ts'
import type { ConversationLog } from './log/index.ts'
import type { Outcome } from './log/jobs.ts'
import type { Refusal } from './log/refusal.ts'
import type { StoredEntry } from './log/stored.ts'
import type { View } from './log/view.ts'
import { createOutcomes } from './outcomes.ts'
import type { People } from './people.ts'

/** Commands that were tried in vain, as far as they can still be read. */
export interface GivenUp {
  readonly conversations: readonly {
    readonly conversationId: ConversationId
    readonly commands: readonly Pick<Command, 'senderId' | 'clientId' | 'submittedAt'>[]
  }[]
}

export interface Commands {
  /** Carries out what the broker brings: once or more, late or out of order. Throws where some must come again. */
  onSubmitted(data: MessageSubmitted): Promise<void>
  /** Refuses commands for good that cannot be handled, so that no copy that is under way is stored after that. */
  onGivenUp(data: GivenUp): Promise<void>
  /**
   * Carries one command out for a caller who waits. `repeated`: it had its outcome before this call. `isNamed`: the
   * caller gave the client id, so that another copy of the command may be under way.
   */
  execute(
    conversation: ConversationId,
    command: Command,
    isNamed: boolean,
  ): Promise<{ seq: number; view: View; repeated: boolean; entries: readonly StoredEntry[] }>
}

const givenUp: Refusal = {
  code: 'internal',
  message: 'The message could not be handled; it was set aside.',
}

export function createCommands(deps: {
  log: ConversationLog
  people: People
  announcer: Announcer
  sidecar: Pick<Sidecar, 'publish' | 'publishRaw'>
  clock: Clock
  logger: Logger
}): Commands {
  const { log, sidecar, clock, logger } = deps
  const tellOutcomes = createOutcomes(deps)

  async function carryOut(id: ConversationId, commands: readonly Command[]): Promise<Outcome[]> {
    const outcomes = await Promise.all(commands.map((command) => log.writer.submit(id, command)))
    await tellOutcomes(id, commands, outcomes)
    return outcomes
  }

  const eventOf = (conversationId: ConversationId, command: Command): MessageSubmitted => ({
    lane: laneOf(conversationId),
    conversations: [{ conversationId, commands: [command] }],
  })

  /** To the dead letter topic, alone: whoever keeps it there gives it its outcome (`onGivenUp`). */
  async function setAside(id: ConversationId, command: Command, reason: string): Promise<void> {
    logger.error({ conversation: id, clientId: command.clientId, reason }, 'a command is set aside')
    const letter: SetAside = { reason, topic: messageSubmitted.topic, data: eventOf(id, command) }
    await sidecar.publishRaw(deadLetterTopic('messages'), letter)
  }

  return {
    async onSubmitted({ conversations }) {
      const all = await Promise.all(
        conversations.map(async ({ conversationId, commands }) => {
          const outcomes = await carryOut(conversationId, commands)
          for (const [i, outcome] of outcomes.entries()) {
            const command = commands[i]
            if (outcome.outcome === 'failed' && command)
              await setAside(conversationId, command, outcome.reason)
          }
          return outcomes
        }),
      )
      const open = all.flat().filter((outcome) => outcome.outcome === 'retry')
      if (open[0]) {
        const detail = `${open.length} commands have no outcome yet: ${open[0].reason}`
        throw new ChatError('unavailable', { detail })
      }
    },

    async onGivenUp({ conversations }) {
      for (const { conversationId, commands } of conversations)
        for (const { senderId, clientId, submittedAt } of commands) {
          const giveUp = { kind: 'give-up', senderId, clientId, submittedAt, refusal: givenUp } as const
          const outcome = await log.writer.submit(conversationId, giveUp)
          if (outcome.outcome === 'retry' || outcome.outcome === 'failed')
            throw new ChatError('unavailable', { detail: outcome.reason })
          await tellOutcomes(conversationId, [giveUp], [outcome])
        }
    },

    async execute(conversationId, command, isNamed) {
      const view = await log.views.current(conversationId)
      const known = await log.writer.lookUp(view, command)
      if (known === undefined) {
        const decision = decide(view.fold, command, new Date(clock.now()).toISOString())
        // Of whoever was a member an earlier copy may be under way: then the refusal is put on record below, so that no
        // copy is stored after this answer, even if the person is a member again.
        const mayBeUnderWay = isNamed && view.fold.members.has(command.senderId)
        if ('refused' in decision && !mayBeUnderWay)
          throw new ChatError(decision.refused.code, { detail: decision.refused.message })
        // The broker is the redo log: if this process dies before it has announced the entry, another one does.
        await sidecar.publish(messageSubmitted, eventOf(conversationId, command), {
          lane: laneOf(conversationId),
        })
      }
      const [outcome] = await carryOut(conversationId, [command])
      switch (outcome?.outcome) {
        case 'stored':
          return { ...outcome, repeated: known !== undefined }
        case 'refused':
          throw new ChatError(outcome.refusal.code, { detail: outcome.refusal.message })
        case 'failed':
          // What was published fails alike, and is set aside there.
          throw new ChatError('internal', { cause: new Error(outcome.reason) })
        default:
          logger.warn({ conversation: conversationId, outcome }, 'a command has no outcome yet')
          throw new ChatError('unavailable', { retryAfterMs: 1_000 })
      }
    },
  }
}
