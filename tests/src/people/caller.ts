import { setTimeout as delay } from 'node:timers/promises'
import { type ConversationId, getMe, getPresence, listConversations, postMessage } from '@parley/contracts'
import type { Person } from './person.ts'

/** Calls over HTTP all the time, each call once, and waits for no answer before the next. */
export interface Caller {
  /** No more from now on; resolves with how many calls there were, and with what each failed that was not answered well. */
  stop(): Promise<{ readonly calls: number; readonly failed: readonly unknown[] }>
}

export function keepCalling(person: Person, conversationId: ConversationId, everyMs: number): Caller {
  const kinds = [
    () => person.call(listConversations),
    () => person.call(getMe),
    () => person.call(getPresence, { query: { userIds: person.id } }),
    () =>
      person.call(postMessage, {
        params: { conversationId },
        body: { clientId: crypto.randomUUID(), text: 'over HTTP' },
      }),
  ]
  const open = new Set<Promise<void>>()
  const failed: unknown[] = []
  let calls = 0
  let stopped = false

  const calling = (async () => {
    while (!stopped) {
      const call: Promise<void> | undefined = kinds[calls++ % kinds.length]?.()
        .then(
          () => undefined,
          (error) => void failed.push(error),
        )
        .finally(() => call && open.delete(call))
      if (call) open.add(call)
      await delay(everyMs)
    }
  })()

  return {
    async stop() {
      stopped = true
      await calling
      await Promise.all(open)
      return { calls, failed }
    },
  }
}
