import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Command, ConversationId, UserId } from '@parley/contracts'
import { createLogger, type DocumentStore, memoryDocumentStore, newId, systemClock } from '@parley/kit'
import { createConversationLog } from './index.ts'
import { refusalMs } from './refusal.ts'
import { families, keys } from './stored.ts'

const room = 'g_room' as ConversationId
const ann = 'ann' as UserId
const bob = 'bob' as UserId
const at = (second: number): string => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString()

/** A turn that never ends would hold the process: after so many reads the store fails. */
const mostReads = 200

function start() {
  const memory = memoryDocumentStore()
  let reads = 0
  const store: DocumentStore = {
    ...memory,
    get(family, key) {
      reads += 1
      assert.ok(reads <= mostReads, 'reads on and on')
      return memory.get(family, key)
    },
  }
  const log = createConversationLog({
    store,
    clock: systemClock,
    logger: createLogger('messages', 'silent'),
    newNonce: newId,
    writeInboxes: async () => {},
    maxViews: 10,
  })
  const submit = (command: Command) => log.writer.submit(room, command)
  return { log, submit, store: memory }
}

const base = (senderId: UserId, clientId: string) => ({ senderId, clientId, submittedAt: at(0) })
const create: Command = {
  ...base(ann, 'create'),
  kind: 'create',
  conversation: { kind: 'group' },
  memberIds: [bob],
}
const remove: Command = { ...base(ann, 'remove'), kind: 'remove-member', userId: bob }
const add: Command = { ...base(ann, 'add'), kind: 'add-members', userIds: [bob] }
const message = (submittedAt: string): Command => ({
  ...base(bob, 'one'),
  submittedAt,
  kind: 'message',
  text: 'hello',
})

it('what was given up and is sent again by who is no member any more is refused, and stays so', async () => {
  const { log, submit } = start()
  await submit(create)
  const refusal = { code: 'internal', message: 'It was set aside.' } as const
  await log.writer.submit(room, { ...base(bob, 'one'), kind: 'give-up', refusal })
  await submit(remove)
  const refused = await submit(message(at(1)))
  assert.equal(refused.outcome === 'refused' && refused.refusal.code, 'conversation_not_found')
  await submit(add)
  const copy = await submit(message(at(1)))
  assert.equal(copy.outcome === 'refused' && copy.refusal.code, 'conversation_not_found')
})

it('a refusal that nobody has settled does not outlive the one that is in the log', async () => {
  const { log, submit, store } = start()
  await submit(create)
  const refusal = { code: 'internal', message: 'It was set aside.' } as const
  await log.writer.submit(room, { ...base(bob, 'one'), kind: 'give-up', refusal })
  // Another replica, which had not read so far, was about to refuse a copy.
  const key = keys.sent(room, bob, 'one')
  const refused = { code: 'conversation_not_found', message: '' } as const
  const until = Date.now() + 2 * refusalMs
  await store.create(families.sent, key, { refused, phase: 'tentative', until })
  await log.projector.project(await log.views.load(room))
  const copy = await submit(message(at(0)))
  assert.equal(copy.outcome === 'refused' && copy.refusal.code, 'internal')
})
