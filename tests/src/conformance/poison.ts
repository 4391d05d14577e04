/** Events that no subscriber can read. */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { AppId } from '@parley/contracts'
import { until } from '@parley/testkit'
import { z } from 'zod'
import { appWriter, settleMs } from '../people/traffic.ts'
import type { Ask } from './operator.ts'
import type { Subject } from './subject.ts'

/** Who may publish what is in the component: these sidecars may. */
const poisons: readonly { by: AppId; topic: string; refusedBy: readonly AppId[] }[] = [
  { by: 'realtime', topic: 'message.submitted', refusedBy: ['messages'] },
  { by: 'messages', topic: 'message.stored', refusedBy: ['realtime', 'notifications'] },
  { by: 'realtime', topic: 'presence.connected', refusedBy: ['presence'] },
  { by: 'auth', topic: 'session.revoked', refusedBy: ['realtime'] },
]
const expected = poisons.flatMap(({ topic, refusedBy }) => refusedBy.map((app) => `${app} ${topic}`)).sort()
const letters = z.object({
  items: z.array(z.looseObject({ app: z.string(), topic: z.string(), reason: z.string() })),
})

/** It becomes a dead letter at once, with the reason, and holds up nobody. */
export async function poison({ system, ask }: Subject): Promise<void> {
  const [ann, bob] = await system.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const writer = await appWriter(ann, { conversationId: id, everyMs: 120 })
  try {
    for (const { by, topic } of poisons) await ask(by, `publish/pubsub/${topic}`, { poison: true })
    await untilSetAside(ask)
  } finally {
    await writer.stop()
  }
  await writer.verify(await ann.log(id), await ann.history(id))
}

async function untilSetAside(ask: Ask): Promise<void> {
  let found: string[] = []
  const isAll = async () => {
    const { items } = letters.parse(await ask('messages', 'invoke/messages/method/internal/dead-letters'))
    found = items
      .filter(({ reason }) => reason.includes('does not fit its contract'))
      .map(({ app, topic }) => `${app} ${topic}`)
      .sort()
    return isDeepStrictEqual(found, expected)
  }
  await until(isAll, 'the poison is set aside', settleMs).catch(() => assert.deepEqual(found, expected))
}
