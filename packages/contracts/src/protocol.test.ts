/**
 * The public protocol, spelled out once more by hand: outside clients are written against these names, so that a change
 * of a contract that is no addition fails here. Optional members end in `?`.
 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import * as entities from './entities.ts'
import {
  clientEvents,
  type ErrorCode,
  errorCatalogue,
  handshake,
  handshakeErrors,
  limits,
  type RouteContract,
  routes,
  serverEvents,
} from './index.ts'

/** Members of an object schema, sorted; those of a union as one. */
function members(schema: z.ZodType | null | undefined): string[] {
  if (schema instanceof z.ZodDiscriminatedUnion)
    return [...new Set((schema.options as z.ZodType[]).flatMap(members))].sort()
  if (!(schema instanceof z.ZodObject)) return []
  const shape = schema.shape as Record<string, z.ZodType>
  return Object.entries(shape)
    .map(([name, field]) => (field.safeParse(undefined).success ? `${name}?` : name))
    .sort()
}
const listed = (text: string): string[] =>
  text
    .split(' ')
    .filter((name) => name !== '')
    .sort()

interface Row {
  readonly call: string
  readonly access?: 'public'
  readonly query?: string
  readonly body?: string
  /** Status → members of the answer; null: no body. */
  readonly answers: Readonly<Record<number, string | null>>
  readonly errors?: readonly ErrorCode[]
}

const tokens = 'user accessToken refreshToken expiresIn'
const conversation = 'id kind title? createdAt createdBy memberCount memberIds?'
const message =
  'conversationId seq rev id senderId clientId text createdAt editedAt? deletedAt? replyTo? threadOf? mentions reactions'
const user = 'id username displayName createdAt'
const page = 'items cursor?'

const rows: readonly Row[] = [
  {
    call: 'POST /api/auth/register',
    access: 'public',
    body: 'username password displayName? device?',
    answers: { 201: tokens },
    errors: ['username_taken'],
  },
  {
    call: 'POST /api/auth/login',
    access: 'public',
    body: 'username password totp? device?',
    answers: { 200: tokens },
    errors: ['bad_credentials', 'totp_required', 'rate_limited'],
  },
  {
    call: 'POST /api/auth/refresh',
    access: 'public',
    body: 'refreshToken clientId?',
    answers: { 200: tokens },
    errors: ['refresh_reused', 'refresh_expired'],
  },
  { call: 'POST /api/auth/logout', answers: { 204: null } },
  {
    call: 'POST /api/auth/password',
    body: 'current next',
    answers: { 204: null },
    errors: ['bad_credentials'],
  },
  { call: 'GET /api/auth/me', answers: { 200: user } },
  { call: 'PATCH /api/auth/me', body: 'displayName', answers: { 200: user } },
  { call: 'GET /api/auth/sessions', answers: { 200: 'items' } },
  { call: 'DELETE /api/auth/sessions/:sessionId', answers: { 204: null }, errors: ['session_not_found'] },
  { call: 'GET /api/auth/.well-known/jwks.json', access: 'public', answers: { 200: 'keys' } },
  {
    call: 'GET /api/users/:userId',
    answers: { 200: 'id username displayName' },
    errors: ['user_not_found'],
  },
  { call: 'GET /api/users', query: 'query limit?', answers: { 200: 'items' } },
  {
    call: 'POST /api/conversations',
    body: 'kind title? memberIds clientId?',
    answers: { 201: conversation, 200: conversation },
  },
  { call: 'GET /api/conversations', query: 'cursor? limit?', answers: { 200: page } },
  {
    call: 'GET /api/conversations/:conversationId',
    answers: { 200: conversation },
    errors: ['conversation_not_found'],
  },
  {
    call: 'PATCH /api/conversations/:conversationId',
    body: 'title clientId?',
    answers: { 200: conversation },
    errors: ['conversation_not_found', 'forbidden'],
  },
  {
    call: 'POST /api/conversations/:conversationId/members',
    body: 'userIds role? clientId?',
    answers: { 200: conversation },
    errors: ['conversation_not_found', 'forbidden', 'conversation_full'],
  },
  {
    call: 'PATCH /api/conversations/:conversationId/members/:userId',
    body: 'role clientId?',
    answers: { 200: conversation },
    errors: ['conversation_not_found', 'member_not_found'],
  },
  {
    call: 'DELETE /api/conversations/:conversationId/members/:userId',
    answers: { 204: null },
    errors: ['conversation_not_found'],
  },
  {
    call: 'GET /api/conversations/:conversationId/members',
    query: 'cursor? limit?',
    answers: { 200: page },
    errors: ['conversation_not_found'],
  },
  {
    call: 'POST /api/conversations/:conversationId/messages',
    body: 'clientId text replyTo? threadOf? mentions?',
    answers: { 201: message, 200: message },
    errors: ['conversation_not_found'],
  },
  {
    call: 'GET /api/conversations/:conversationId/messages',
    query: 'before? after? limit?',
    answers: { 200: 'items fromSeq toSeq asOf head hasMore' },
    errors: ['conversation_not_found'],
  },
  {
    call: 'GET /api/conversations/:conversationId/entries',
    query: 'after limit?',
    answers: { 200: 'items head hasMore' },
    errors: ['conversation_not_found', 'cursor_too_old'],
  },
  {
    call: 'POST /api/conversations/:conversationId/read',
    body: 'seq',
    answers: { 200: 'unread' },
    errors: ['conversation_not_found'],
  },
  { call: 'GET /api/presence', query: 'userIds', answers: { 200: 'items' } },
  { call: 'PUT /api/presence/me', body: 'status text?', answers: { 204: null } },
  { call: 'GET /api/notifications/vapid-public-key', answers: { 200: 'publicKey' } },
  {
    call: 'POST /api/notifications/subscriptions',
    body: 'kind subscription device',
    answers: { 201: 'id kind', 200: 'id kind' },
    errors: ['endpoint_refused'],
  },
  {
    call: 'DELETE /api/notifications/subscriptions/:subscriptionId',
    answers: { 204: null },
    errors: ['subscription_not_found'],
  },
  { call: 'GET /api/notifications/preferences', answers: { 200: 'push preview' } },
  {
    call: 'PUT /api/notifications/preferences',
    body: 'push preview',
    answers: { 200: 'push preview' },
  },
]

const publicRoutes = routes.filter(({ access }) => !Array.isArray(access))
const callOf = ({ method, path }: RouteContract) => `${method} ${path}`

describe('the routes of the protocol', () => {
  it('are these', () =>
    assert.deepEqual(publicRoutes.map(callOf).sort(), rows.map(({ call }) => call).sort()))

  for (const row of rows)
    it(row.call, () => {
      const route = publicRoutes.find((one) => callOf(one) === row.call)
      assert.ok(route)
      assert.equal(route.access, row.access ?? 'user')
      assert.deepEqual(members(route.query), listed(row.query ?? ''))
      assert.deepEqual(members(route.body), listed(row.body ?? ''))
      const answers = Object.entries(route.answers).map(([status, schema]) => [
        Number(status),
        schema === null ? null : members(schema),
      ])
      const expected = Object.entries(row.answers).map(([status, names]) => [
        Number(status),
        names === null ? null : listed(names),
      ])
      assert.deepEqual(answers, expected)
      for (const code of row.errors ?? []) assert.ok(route.errors.includes(code), code)
    })
})

describe('the shapes of the protocol', () => {
  const shapes: Readonly<Record<string, readonly [z.ZodType, string]>> = {
    message: [entities.message, message],
    reaction: [entities.reaction, 'emoji count mine userIds'],
    'conversation summary': [
      entities.conversationSummary,
      'conversation head unread mentions readSeq lastMessage muted',
    ],
    session: [entities.session, 'id device createdAt lastUsedAt current'],
    member: [entities.member, 'userId role joinedAt'],
    presence: [entities.presence, 'userId status lastSeenAt text? rev?'],
  }
  for (const [name, [schema, expected]] of Object.entries(shapes))
    it(name, () => assert.deepEqual(members(schema), listed(expected)))

  it('entry, by kind', () => {
    const kinds = Object.fromEntries(
      entities.entry.options.map((option) => [option.shape.kind.value, members(option)]),
    )
    const base = 'conversationId seq kind at by'
    assert.deepEqual(kinds, {
      message: listed(`${base} message`),
      edit: listed(`${base} target message`),
      delete: listed(`${base} target`),
      reaction: listed(`${base} target emoji userId on`),
      pin: listed(`${base} target on`),
      member: listed(`${base} userId change role?`),
      conversation: listed(`${base} conversation`),
    })
  })
})

describe('the socket of the protocol', () => {
  it('takes these events with these acknowledgements', () => {
    const taken = Object.entries(clientEvents).map(([name, { payload, ack }]) => [
      name,
      members(payload),
      ack === null ? null : members(ack),
    ])
    assert.deepEqual(taken, [
      [
        'message:send',
        listed('conversationId clientId text replyTo? threadOf? mentions?'),
        listed('message'),
      ],
      ['conversation:read', listed('conversationId seq'), listed('unread')],
      ['sync', listed('cursors cursor?'), listed('conversations gone cursor?')],
      ['presence:watch', listed('userIds'), listed('items')],
      ['typing:start', listed('conversationId'), null],
      ['typing:stop', listed('conversationId'), null],
    ])
    assert.deepEqual(
      members(clientEvents.sync.ack.shape.conversations.element),
      listed('id head unread mentions readSeq reset?'),
    )
  })

  it('sends these events', () => {
    const { entry: _entry, heads: _heads, ...objects } = serverEvents
    const sent = Object.fromEntries(Object.entries(objects).map(([name, schema]) => [name, members(schema)]))
    assert.deepEqual(sent, {
      ready: listed('userId sessionId node serverTime'),
      receipt: listed('conversationId userId deliveredSeq readSeq'),
      read: listed('conversationId readSeq unread mentions'),
      typing: listed('conversationId userId active'),
      presence: listed('userId status lastSeenAt text? rev?'),
      'conversation:added': listed('conversation'),
      'conversation:removed': listed('conversationId'),
      draining: listed('retryAfterMs'),
      'session:revoked': listed('reason'),
    })
    assert.equal(serverEvents.entry, entities.entry)
    assert.equal(serverEvents.heads.safeParse({ c1: 7 }).success, true)
  })

  it('is opened with a token, or refused with one of these codes', () => {
    assert.deepEqual(members(handshake), ['token'])
    const named = ['token_missing', 'token_invalid', 'token_expired', 'session_revoked', 'origin_refused']
    for (const code of named) assert.ok(handshakeErrors.includes(code as never), code)
  })
})

describe('the errors and limits of the protocol', () => {
  const statuses: Readonly<Partial<Record<ErrorCode, number>>> = {
    username_taken: 409,
    invalid_body: 422,
    bad_credentials: 401,
    totp_required: 401,
    rate_limited: 429,
    refresh_reused: 401,
    refresh_expired: 401,
    cursor_too_old: 410,
    conversation_not_found: 404,
    body_too_large: 413,
  }
  for (const [code, status] of Object.entries(statuses))
    it(`${code} is ${status}`, () => assert.equal(errorCatalogue[code as ErrorCode].status, status))

  it('unavailable, rate_limited and overloaded are worth a retry, and nothing else', () => {
    const retried = Object.entries(errorCatalogue).flatMap(([code, { retry }]) => (retry ? [code] : []))
    assert.deepEqual(retried.sort(), ['overloaded', 'rate_limited', 'unavailable'])
  })

  it('are the defaults that it names', () =>
    assert.deepEqual(
      {
        text: [limits.textCharacters, limits.textBytes],
        packet: limits.socketPacketBytes,
        page: [limits.pageItems, limits.pageBytes],
        members: limits.conversationMembers,
        conversations: limits.conversationsPerPerson,
        sync: limits.syncCursors,
        messages: [limits.messagesPerSecond, limits.messageBurst, limits.messagesQueued],
        perMinute: [limits.loginsPerMinute, limits.registrationsPerMinute],
        body: limits.requestBodyBytes,
      },
      {
        text: [4_000, 16_384],
        packet: 65_536,
        page: [200, 1_048_576],
        members: 5_000,
        conversations: 5_000,
        sync: 500,
        messages: [20, 40, 200],
        perMinute: [10, 60],
        body: 65_536,
      },
    ))
})
