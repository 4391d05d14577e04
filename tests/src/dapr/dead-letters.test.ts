import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { deadLetterTopic, type SetAside, sessionRevoked } from '@parley/contracts'
import { until } from '@parley/testkit'
import { type Ask, operatorOf } from '../conformance/operator.ts'
import { type RealSystem, startReal } from './start.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** That poison becomes a dead letter, whatever the broker, is in ../conformance. */
describe('npm run dead-letters', () => {
  let chat: RealSystem
  let ask: Ask
  before(async () => {
    chat = await startReal()
    ask = await operatorOf(chat)
  })
  after(() => chat?.close())

  /** What it prints. */
  async function letters(...args: string[]): Promise<string[]> {
    const command = [join(root, 'tools/dead-letters.mjs'), '--data', chat.parley.directory, ...args]
    const { stdout } = await promisify(execFile)(process.execPath, command)
    return stdout.split('\n')
  }
  const letterOf = (app: string, topic: string, reason: RegExp) =>
    until(
      async () =>
        (await letters()).find(
          (line) => line.includes(` ${app} `) && line.includes(` ${topic} `) && reason.test(line),
        ),
      `the dead letter of ${app}`,
    )

  it('what was set aside is sent again on request, and then handled', async () => {
    const [ann] = await chat.people('ann')
    const phone = await ann.device()
    const { sessionId } = await phone.until('ready')
    const data = { userId: ann.id, sessionIds: [sessionId], reason: 'a second try' }
    const aside: SetAside = { reason: 'tried for too long', topic: sessionRevoked.topic, data }
    await ask('realtime', `publish/pubsub/${deadLetterTopic('realtime')}`, aside)
    const line = await letterOf('realtime', sessionRevoked.topic, /tried for too long/)
    assert.deepEqual(phone.all('session:revoked'), [])
    const [id = ''] = line.split(' ')
    assert.deepEqual((await letters('--replay', id))[0], '1 event was published again.')
    assert.equal((await phone.until('session:revoked')).reason, 'a second try')
    assert.match(await letterOf('realtime', sessionRevoked.topic, /tried for too long/), /sent again/)
  })

  it('without ids all are sent again that were not yet, and what is wrong still comes back', async () => {
    await ask('realtime', 'publish/pubsub/message.submitted', { nonsense: true })
    await ask('realtime', 'publish/pubsub/presence.connected', { nonsense: true })
    await letterOf('messages', 'message.submitted', /does not fit its contract/)
    await letterOf('presence', 'presence.connected', /does not fit its contract/)
    const unsent = (lines: readonly string[]) =>
      lines.filter((line) => line.includes('does not fit') && !line.includes('sent again'))
    const before = unsent(await letters()).length
    assert.equal(before, 2)
    const [said = ''] = await letters('--replay')
    assert.match(said, /^\d+ events were published again\.$/)
    await until(async () => unsent(await letters()).length >= before, 'they are dead letters again')
  })
})
