import assert from 'node:assert/strict'
import { test } from 'node:test'
import type {
  Ack,
  AnswerBodyOf,
  AnswerOf,
  BodyInputOf,
  ClientToServer,
  Conversation,
  ConversationId,
  ErrorCode,
  Message,
  ParamsOf,
  QueryOf,
  ServerToClient,
  UserId,
} from './index.ts'
import {
  type createConversation,
  defineRoute,
  type getHistory,
  type logout,
  type postMessage,
} from './index.ts'

/** These are checked by the compiler: the file does not build when one is wrong. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const holds = <_T extends true>(): void => {}

test('a route gives the types of both of its sides', () => {
  holds<Equal<ParamsOf<typeof postMessage>, { conversationId: ConversationId }>>()
  holds<Equal<QueryOf<typeof getHistory>['limit'], number>>()
  holds<Equal<BodyInputOf<typeof postMessage>['text'], string>>()
  holds<Equal<AnswerBodyOf<typeof postMessage>, Message>>()
  holds<Equal<AnswerOf<typeof createConversation>['status'], 200 | 201>>()
  holds<Equal<AnswerOf<typeof createConversation>['body'], Conversation>>()
  holds<Equal<AnswerOf<typeof logout>, { status: 204; body?: undefined }>>()
})

test('ids of different things are not interchangeable', () => {
  const take = (id: UserId): UserId => id
  // @ts-expect-error a conversation is not a user
  take('c1' as ConversationId)
  // @ts-expect-error a string was not parsed
  take('u1')
  assert.equal(take('u1' as UserId), 'u1')
})

test('the socket maps are typed event by event', () => {
  holds<Equal<Parameters<ServerToClient['draining']>[0], { retryAfterMs: number }>>()
  holds<Equal<Parameters<Parameters<ClientToServer['message:send']>[1]>[0], Ack<{ message: Message }>>>()
  holds<Equal<Parameters<ClientToServer['typing:start']>['length'], 1>>()
  // @ts-expect-error there is no such event
  holds<Equal<ClientToServer['message:shout'], never>>()
})

test('a route takes only codes of the catalogue', () => {
  const code: ErrorCode = 'forbidden'
  const route = defineRoute({
    id: 'x',
    app: 'auth',
    method: 'GET',
    path: '/api/x',
    access: 'user',
    summary: 'X.',
    answers: { 204: null },
    // @ts-expect-error there is no such code
    errors: [code, 'no_such_code'],
  })
  assert.equal(route.id, 'x')
})
