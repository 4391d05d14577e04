import {
  type AppId,
  appIds,
  clientId,
  conversationId,
  deadLetterTopic,
  type EventContract,
  messageSubmitted,
  setAside,
  timestamp,
  userId,
} from '@parley/contracts'
import { type HttpApp, subscribe } from '@parley/kit'
import { z } from 'zod'
import type { Commands, GivenUp } from './commands.ts'
import type { DeadLetters } from './dead-letters.ts'

export function registerEvents(http: HttpApp, commands: Commands, deadLetters: DeadLetters): void {
  subscribe(http, messageSubmitted, async (data) => {
    await commands.onSubmitted(data)
    return 'done'
  })
  for (const app of appIds)
    subscribe(http, deadLettersOf(app), async (data, { event }) => {
      await deadLetters.keep(app, event)
      const commandsInIt = givenUpIn(data)
      if (commandsInIt) await commands.onGivenUp(commandsInIt)
      return 'done'
    })
}

/** What names a command: all that must fit to refuse it. What else it says may be what is wrong with it. */
const names = z.object({
  conversations: z.array(
    z.object({
      conversationId,
      commands: z.array(z.object({ senderId: userId, clientId, submittedAt: timestamp })),
    }),
  ),
})

/**
 * The commands of a letter that were found to be what is wrong, one by one, by an app that set them aside. An event that
 * daprd gave up on is only kept: it may hold what is fine, and whoever waited for it has sent it again by then.
 */
export function givenUpIn(data: unknown): GivenUp | undefined {
  const aside = setAside.safeParse(data)
  if (!aside.success || aside.data.topic !== messageSubmitted.topic) return undefined
  return names.safeParse(aside.data.data).data
}

/** Whatever could not be handled, as it came. */
const deadLettersOf = (app: AppId): EventContract => ({
  topic: deadLetterTopic(app),
  summary: `Events that ${app} refused or could not handle.`,
  publishers: [],
  subscribers: ['messages'],
  data: z.unknown(),
})
