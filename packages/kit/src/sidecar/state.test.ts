import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ChatError } from '../errors.ts'
import { type Reply, type Seen, standIn } from '../testing/server.ts'
import { openLine, sidecarTimeouts } from './daprd.ts'
import { createState, type SidecarState } from './state.ts'

async function withState(
  answer: (request: Seen) => Reply | undefined,
  run: (state: SidecarState, seen: Seen[]) => Promise<void>,
  timeoutMs = 20_000,
) {
  await using daprd = await standIn(answer)
  const line = openLine(daprd.port)
  try {
    await run(
      createState(line, { ...sidecarTimeouts, stateReadMs: timeoutMs, stateWriteMs: timeoutMs }),
      daprd.seen,
    )
  } finally {
    await line.close()
  }
}
const isCode = (code: string) => (error: unknown) => error instanceof ChatError && error.code === code

describe('reading state', () => {
  it('has the documents that are there with their etags', () =>
    withState(
      () => ({ body: [{ key: 'a', data: 'x', etag: '7' }, { key: 'b' }, { key: 'c', data: null }] }),
      async (state, seen) => {
        const found = await state.getBulk('messages-store', ['a', 'b', 'c'])
        assert.deepEqual([...found], [['a', { data: 'x', etag: '7' }]])
        assert.equal(seen[0]?.path, '/v1.0/state/messages-store/bulk')
        assert.deepEqual(JSON.parse(seen[0]?.body ?? '').keys, ['a', 'b', 'c'])
      },
    ))

  const failures: readonly (readonly [name: string, reply: Reply | undefined, code: string])[] = [
    [
      'one key that could not be read',
      {
        body: [
          { key: 'a', data: 'x' },
          { key: 'b', error: 'timeout' },
        ],
      },
      'unavailable',
    ],
    ['an answer that is no list', { body: 'nonsense' }, 'unavailable'],
    ['an error', { status: 500 }, 'unavailable'],
    ['no answer', undefined, 'unavailable'],
    [
      'a store that is not there',
      { status: 400, body: { errorCode: 'ERR_STATE_STORE_NOT_FOUND' } },
      'internal',
    ],
  ]
  for (const [name, reply, code] of failures)
    it(`throws ${code} at ${name}: never "absent"`, () =>
      withState(
        () => reply,
        async (state) => {
          await assert.rejects(state.getBulk('messages-store', ['a', 'b']), isCode(code))
        },
        reply ? 20_000 : 100,
      ))
})

describe('saving state', () => {
  it('asks for what the store must compare, and for its own lifetime', () =>
    withState(
      () => ({ status: 204 }),
      async (state, seen) => {
        await state.save('messages-store', [
          { key: 'a', value: '1', firstWrite: true },
          { key: 'b', value: '2', firstWrite: true, etag: '7', ttlSeconds: 60 },
          { key: 'c', value: '3', firstWrite: false },
        ])
        const options = { concurrency: 'first-write' }
        assert.deepEqual(JSON.parse(seen[0]?.body ?? ''), [
          { key: 'a', value: '1', options },
          { key: 'b', value: '2', etag: '7', options, metadata: { ttlInSeconds: '60' } },
          { key: 'c', value: '3' },
        ])
      },
    ))

  // Texts as the components of 1.18 answer them.
  const outcomes: readonly (readonly [name: string, reply: Reply | undefined, outcome: string])[] = [
    ['success', { status: 204 }, 'saved'],
    ['an etag that does not match', { status: 409, body: { message: 'possible etag mismatch' } }, 'refused'],
    [
      "an etag that does not match, in Redis' words",
      { status: 409, body: 'error from state store: failed to set key a: user_script:1 failed to set key' },
      'refused',
    ],
    [
      'an etag that the store cannot read',
      { status: 400, body: { message: 'invalid etag value: x' } },
      'refused',
    ],
    [
      'a connection that Redis lost in a write with an etag',
      { status: 409, body: 'possible etag mismatch. error from state store: EOF' },
      'failed',
    ],
    [
      'a create that lost, or anything else',
      { status: 500, body: { errorCode: 'ERR_STATE_SAVE' } },
      'failed',
    ],
    ['no answer', undefined, 'failed'],
  ]
  for (const [name, reply, outcome] of outcomes)
    it(`is ${outcome} at ${name}`, () =>
      withState(
        () => reply,
        async (state) => {
          const saved = await state.save('messages-store', [
            { key: 'a', value: '1', firstWrite: true, etag: '1' },
          ])
          assert.equal(saved.outcome, outcome)
        },
        reply ? 20_000 : 100,
      ))

  it('throws where trying again cannot help', () =>
    withState(
      () => ({ status: 400, body: { errorCode: 'ERR_STATE_STORE_NOT_FOUND' } }),
      (state) =>
        assert.rejects(
          state.save('messages-store', [{ key: 'a', value: '1', firstWrite: true }]),
          isCode('internal'),
        ),
    ))

  it('deletes by a key that survives the URL', () =>
    withState(
      () => ({ status: 204 }),
      async (state, seen) => {
        await state.delete('messages-store', 'a/b?c#d%')
        assert.deepEqual(
          [seen[0]?.method, seen[0]?.path],
          ['DELETE', '/v1.0/state/messages-store/a%2Fb%3Fc%23d%25'],
        )
      },
    ))
})
