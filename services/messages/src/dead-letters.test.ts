import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createLogger, memoryDocumentStore, systemClock } from '@parley/kit'
import { createDeadLetters } from './dead-letters.ts'

const event = { id: 'e1', topic: 'dead-letter.realtime', data: { poison: true } }

it('one event that two apps have refused is two letters', async () => {
  const letters = createDeadLetters({
    store: memoryDocumentStore(),
    sidecar: { publishRaw: async () => undefined },
    clock: systemClock,
    logger: createLogger('messages', 'silent'),
  })
  await Promise.all([letters.keep('realtime', event), letters.keep('notifications', event)])
  const kept = (await letters.list()).map(({ app, id }) => `${app} ${id}`)
  assert.deepEqual(kept, ['realtime e1', 'notifications e1'])
})
