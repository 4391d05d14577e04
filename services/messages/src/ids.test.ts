import assert from 'node:assert/strict'
import { it } from 'node:test'
import { conversationId } from '@parley/contracts'
import { newConversationId } from './ids.ts'
import { user } from './testing/builders.ts'

const [ann, bob, cid] = ['ann', 'bob', 'cid'].map(user) as [
  ReturnType<typeof user>,
  ReturnType<typeof user>,
  ReturnType<typeof user>,
]

it('a direct conversation has one id, whoever begins it; every other pair has another', () => {
  const id = newConversationId('direct', ann, [bob], 'x')
  assert.equal(newConversationId('direct', bob, [ann], 'y'), id)
  const others = [newConversationId('direct', ann, [cid], 'x'), newConversationId('direct', ann, [ann], 'x')]
  assert.equal(new Set([id, ...others]).size, 3)
})

it('a client id names a conversation of its creator; without one each is new', () => {
  const id = newConversationId('group', ann, [bob], 'x')
  assert.equal(newConversationId('group', ann, [cid], 'x'), id)
  assert.notEqual(newConversationId('group', bob, [ann], 'x'), id)
  assert.notEqual(
    newConversationId('group', ann, [], undefined),
    newConversationId('group', ann, [], undefined),
  )
  assert.equal(conversationId.parse(id), id)
})
