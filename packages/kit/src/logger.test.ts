import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { recordedLogger } from './testing/log.ts'
import { outgoingTraceparent, parseTraceparent, runInTrace } from './trace.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'

describe('the log', () => {
  it('has one JSON line per message with its app, level and time', () => {
    const { logger, lines } = recordedLogger()
    logger.info({ port: 1 }, 'ready')
    const { time, ...line } = lines[0] ?? {}
    assert.deepEqual(line, { level: 'info', app: 'messages', port: 1, msg: 'ready' })
    assert.equal(new Date(String(time)).toISOString(), time)
  })

  it('has the id of the trace, and none outside of one', async () => {
    const { logger, lines } = recordedLogger()
    await runInTrace(parseTraceparent(`00-${traceId}-b7ad6b7169203331-01`), async () => {
      await new Promise(setImmediate)
      logger.info('inside')
    })
    logger.info('outside')
    assert.deepEqual(
      lines.map((line) => line.traceId),
      [traceId, undefined],
    )
  })

  const secret = 'hunter2'
  for (const name of [
    'authorization',
    'token',
    'accessToken',
    'refreshToken',
    'password',
    'secret',
    'text',
    'dapr-api-token',
    'privateKey',
  ])
    it(`never has what is called ${name}`, () => {
      const { logger, text } = recordedLogger()
      logger.info({ [name]: secret, other: 'seen' }, 'top')
      logger.info({ headers: { [name]: secret } }, 'one down')
      assert.doesNotMatch(text(), new RegExp(secret))
      assert.match(text(), /seen/)
    })

  it('has an error with its cause', () => {
    const { logger, text } = recordedLogger()
    logger.warn({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed')
    assert.match(text(), /outer/)
    assert.match(text(), /inner/)
  })
})

describe('a trace', () => {
  it('is taken from the header as it came', () => {
    assert.deepEqual(parseTraceparent(`00-${traceId}-b7ad6b7169203331-01`), { traceId, flags: '01' })
  })

  for (const header of [
    undefined,
    '',
    'nonsense',
    `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
    `00-${traceId}-${'0'.repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-b7ad6b7169203331-01`,
  ])
    it(`begins anew where the header is ${header ?? 'missing'}`, () => {
      const { traceId: fresh, flags } = parseTraceparent(header)
      assert.match(fresh, /^[0-9a-f]{32}$/)
      assert.notEqual(fresh, traceId)
      assert.equal(flags, '00')
    })

  it('goes on with a span of its own, and not where there is none', () => {
    assert.equal(outgoingTraceparent(), undefined)
    const [one, two] = runInTrace({ traceId, flags: '01' }, () => [
      outgoingTraceparent(),
      outgoingTraceparent(),
    ])
    for (const header of [one, two]) assert.match(header ?? '', new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
    assert.notEqual(one, two)
  })
})
