import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type AppId, deadLetterTopic, type SetAside, sessionRevoked } from '@parley/contracts'
import { until } from '@parley/testkit'
import { type RealSystem, startReal } from './start.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const noRedis = spawnSync('redis-server', ['--version']).error ? 'redis-server is not installed' : false

/** Which sidecar may publish what the app hears. */
const poison = [
  { app: 'messages', from: 'realtime', topic: 'message.submitted' },
  { app: 'presence', from: 'realtime', topic: 'presence.connected' },
  { app: 'realtime', from: 'auth', topic: 'session.revoked' },
  { app: 'notifications', from: 'messages', topic: 'message.stored' },
] as const

for (const profile of ['embedded', 'redis'])
  describe(`dead letters on ${profile}`, { skip: profile === 'redis' && noRedis }, () => {
    let chat: RealSystem
    before(async () => {
      chat = await startReal(['--profile', profile])
    })
    after(() => chat?.close())

    async function publish(from: AppId, topic: string, data: unknown): Promise<void> {
      const { directory } = chat.parley
      const secrets = JSON.parse(readFileSync(join(directory, '.data/secrets.json'), 'utf8'))
      const { urls } = await chat.parley.state()
      const answer = await fetch(`${urls.sidecars[from]}/v1.0/publish/pubsub/${topic}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'dapr-api-token': secrets['dapr-api-token'] },
        body: JSON.stringify(data),
      })
      assert.equal(answer.status, 204, await answer.text())
    }

    /** What `npm run dead-letters` prints. */
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

    for (const { app, from, topic } of poison)
      it(`${topic} that ${app} cannot read goes there at once, and holds up nobody`, async () => {
        const [ann, bob] = await chat.people('ann', 'bob')
        const room = await ann.group('Team', [bob])
        const [phone, laptop] = await Promise.all([ann.device(), bob.device()])
        for (let i = 1; i <= 10; i++) {
          await publish(from, topic, { nonsense: i })
          await phone.send(room.id, `between ${i}`)
          await laptop.message(`between ${i}`)
        }
        await letterOf(app, topic, /does not fit its contract/)
      })

    it('what was set aside is sent again on request, and then handled', async () => {
      const [ann] = await chat.people('ann')
      const phone = await ann.device()
      const { sessionId } = await phone.until('ready')
      const data = { userId: ann.id, sessionIds: [sessionId], reason: 'a second try' }
      const aside: SetAside = { reason: 'tried for too long', topic: sessionRevoked.topic, data }
      await publish('realtime', deadLetterTopic('realtime'), aside)
      const line = await letterOf('realtime', sessionRevoked.topic, /tried for too long/)
      assert.deepEqual(phone.all('session:revoked'), [])
      const [id = ''] = line.split(' ')
      assert.deepEqual((await letters('--replay', id))[0], '1 event was published again.')
      assert.equal((await phone.until('session:revoked')).reason, 'a second try')
      assert.match(await letterOf('realtime', sessionRevoked.topic, /tried for too long/), /sent again/)
    })

    it('without ids all are sent again that were not yet, and what is wrong still comes back', async () => {
      const unsent = (lines: readonly string[]) =>
        lines.filter((line) => line.includes('does not fit') && !line.includes('sent again'))
      const before = unsent(await letters()).length
      assert.ok(before >= poison.length)
      const [said = ''] = await letters('--replay')
      assert.match(said, /^\d+ events were published again\.$/)
      await until(async () => unsent(await letters()).length >= before, 'they are dead letters again')
    })
  })
