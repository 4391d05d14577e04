/** Events that no subscriber can read. */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import type { AppId } from '@parley/contracts'
import { until } from '@parley/testkit'
import { z } from 'zod'
import type { Ask } from './operator.ts'
import type { Subject } from './subject.ts'

/** Who may publish what is in the component: these sidecars may. */
const poisons: readonly { by: AppId; topic: string; refusedBy: readonly AppId[] }[] = [
  { by: 'realtime', topic: 'message.submitted', refusedBy: ['messages'] },
  { by: 'messages', topic: 'message.stored', refusedBy: ['realtime', 'notifications'] },
  { by: 'realtime', topic: 'presence.connected', refusedBy: ['presence'] },
  { by: 'auth', topic: 'session.revoked', refusedBy: ['realtime'] },
]
/** Of each: a subscriber that stops after some of them would be found. */
const eventsEach = 10
/** One that is refused is set aside at once; one that is retried would take fifteen minutes. */
const asideWithinMs = 60_000
const expected = poisons.flatMap(({ topic, refusedBy }) => refusedBy.map((app) => `${app} ${topic}`)).sort()
const letters = z.object({
  items: z.array(z.looseObject({ app: z.string(), topic: z.string(), reason: z.string() })),
})

/** It becomes a dead letter at once, with the reason, and holds up nobody. */
export async function poison({ system, ask }: Subject): Promise<void> {
  const [ann, bob] = await system.people('ann', 'bob')
  const { id } = await ann.direct(bob)
  const [phone, laptop] = [await ann.device(), await bob.device()]
  for (const { by, topic } of poisons)
    for (let i = 1; i <= eventsEach; i++) {
      await ask(by, `publish/pubsub/${topic}`, { poison: i })
      await phone.send(id, `after ${topic} ${i}`)
      await laptop.message(`after ${topic} ${i}`)
    }
  await untilSetAside(ask)
}

async function untilSetAside(ask: Ask): Promise<void> {
  let found: string[] = []
  const isAll = async () => {
    const { items } = letters.parse(await ask('messages', 'invoke/messages/method/internal/dead-letters'))
    const all = items
      .filter(({ reason }) => reason.includes('does not fit its contract'))
      .map(({ app, topic }) => `${app} ${topic}`)
    found = [...new Set(all)].filter((one) => all.filter((it) => it === one).length >= eventsEach).sort()
    return isDeepStrictEqual(found, expected)
  }
  await until(isAll, 'the poison is set aside', asideWithinMs).catch(() => assert.deepEqual(found, expected))
}
