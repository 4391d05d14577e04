import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type ErrorCode, errorCatalogue } from '@parley/contracts'
import { ChatError, isErrorCode } from './errors.ts'

const codes = Object.keys(errorCatalogue) as ErrorCode[]

describe('a chat error', () => {
  for (const code of codes) {
    const { status, title } = errorCatalogue[code]
    it(`${code} is a problem of status ${status}`, () => {
      const { detail, extra, ...standard } = new ChatError(code, {
        detail: 'some text',
        extra: { extra: 1, code: 'not this one', status: 200 },
        retryAfterMs: 1.5,
      }).toProblem()
      assert.deepEqual(standard, { type: `urn:parley:error:${code}`, title, status, code, retryAfterMs: 2 })
      assert.deepEqual([detail, extra], status >= 500 ? [undefined, undefined] : ['some text', 1])
    })
  }

  it('says of a 5xx only its title, in an acknowledgement too', () => {
    const internal = new ChatError('internal', { detail: 'password=hunter2', cause: new Error('at db:5432') })
    assert.equal(JSON.stringify(internal.toProblem()).includes('hunter2'), false)
    assert.deepEqual(internal.toAckError(), { code: 'internal', message: errorCatalogue.internal.title })
    assert.match(internal.message, /hunter2/, 'the log has it')
    const limit = new ChatError('rate_limited', { detail: 'at most 20 a second', retryAfterMs: 50 })
    assert.deepEqual(limit.toAckError(), {
      code: 'rate_limited',
      message: 'at most 20 a second',
      retryAfterMs: 50,
    })
  })

  it('comes back from its problem', () => {
    const error = new ChatError('cursor_too_old', {
      detail: 'gone',
      extra: { head: 9, floor: 4 },
      retryAfterMs: 7,
    })
    const back = ChatError.fromProblem(JSON.parse(JSON.stringify(error.toProblem())))
    assert.ok(back)
    assert.deepEqual(back.toProblem(), error.toProblem())
    assert.deepEqual(back.extra, { head: 9, floor: 4 })
  })

  for (const body of [null, 'text', [], {}, { code: 'toString' }, { code: 'no_such_code' }, { code: 1 }])
    it(`does not come from ${JSON.stringify(body)}`, () =>
      assert.equal(ChatError.fromProblem(body), undefined))

  it('knows its codes', () => {
    assert.equal(isErrorCode('internal'), true)
    for (const not of ['constructor', '__proto__', '', undefined, 7]) assert.equal(isErrorCode(not), false)
  })
})
