import {
  type AppId,
  appIds,
  deadLetterTopic,
  type EventContract,
  messageSubmitted,
  setAside,
} from '@parley/contracts'
import { type HttpApp, subscribe } from '@parley/kit'
import { z } from 'zod'
import type { Commands } from './commands.ts'
import type { DeadLetters } from './dead-letters.ts'

export function registerEvents(http: HttpApp, commands: Commands, deadLetters: DeadLetters): void {
  subscribe(http, messageSubmitted, async (data) => {
    await commands.onSubmitted(data)
    return 'done'
  })
  for (const app of appIds)
    subscribe(http, deadLettersOf(app), async (data, { event }) => {
      await deadLetters.keep(app, event)
      const aside = setAside.safeParse(data)
      if (aside.success && aside.data.topic === messageSubmitted.topic)
        await commands.onGivenUp(messageSubmitted.data.parse(aside.data.data))
      return 'done'
    })
}

/** Whatever could not be handled, as it came. */
const deadLettersOf = (app: AppId): EventContract => ({
  topic: deadLetterTopic(app),
  summary: `Events that ${app} refused or could not handle.`,
  publishers: [],
  subscribers: ['messages'],
  data: z.unknown(),
})
