// npm start with real daprds, the real components and stand-in apps.
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { groupIsAlive, signal } from '../lib/processes.mjs'
import { launch, newRunDir, until } from './running.mjs'

const run = newRunDir()
const args = ['--port-offset', 'auto', '--data', run.directory, '--run-file', run.writeRunFile()]
let parley = launch(args)
let portOffset = 0
const whenReady = async () => {
  await until(() => run.state()?.state === 'ready' || parley.child.exitCode !== null, 'the start')
  assert.equal(run.state()?.state, 'ready', parley.output())
}
const state = () => /** @type {import('../lib/run-state.mjs').RunState} */ (run.state())
const app = (/** @type {string} */ id) =>
  /** @type {import('../lib/run-state.mjs').AppState} */ (state().apps[id])
const secrets = () => JSON.parse(readFileSync(join(run.directory, '.data/secrets.json'), 'utf8'))

/** A call of the sidecar of `realtime`. */
const sidecar = (/** @type {string} */ path, /** @type {unknown} */ body) =>
  fetch(`${state().urls.sidecars.realtime}/v1.0/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'dapr-api-token': secrets()['dapr-api-token'], 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
const publish = async (/** @type {object} */ data) => {
  const answer = await sidecar('publish/pubsub/message.submitted', data)
  assert.equal(answer.status, 204, await answer.text())
}
const heard = (/** @type {string} */ line) =>
  until(() => run.heard('messages').includes(line), `messages hears "${line}"`)

describe('npm start', () => {
  before(whenReady)
  after(async () => {
    parley.child.kill('SIGTERM')
    await parley.exited
    await run.remove()
  })

  test('a service calls another through two sidecars', async () => {
    const answer = await sidecar('invoke/messages/method/hello', undefined)
    assert.deepEqual(await answer.json(), { hello: 'realtime' })
  })

  test('an event reaches its subscriber', async () => {
    await publish({ text: 'one' })
    await heard('message.submitted one')
  })

  test('a refused event goes to the dead letter topic at once', async () => {
    await publish({ text: 'bad', kind: 'poison' })
    await until(
      () => run.heard('messages').some((line) => line.startsWith('dead-letter.messages ')),
      'the dead letter',
    )
  })

  test('an app may not publish what is not its own, and a sidecar wants its token', async () => {
    assert.equal((await sidecar('publish/pubsub/message.stored', {})).status, 403)
    const bare = await fetch(`${state().urls.sidecars.realtime}/v1.0/metadata`)
    assert.equal(bare.status, 401)
  })

  test('secrets are for their owner only', () => {
    assert.equal(statSync(join(run.directory, '.data/secrets.json')).mode & 0o777, 0o600)
  })

  for (const victim of /** @type {const} */ (['daprd', 'app', 'dapr'])) {
    test(`the ${victim} of a pair is killed: the pair comes back, and hears what was sent meanwhile`, async () => {
      const { pids, restarts } = app('messages')
      process.kill(/** @type {number} */ (pids[victim]), 'SIGKILL')
      await until(() => app('messages').restarts > restarts, 'the restart')
      for (let index = 0; index < 20; index++) await publish({ text: `${victim} ${index}` })
      await until(() => app('messages').state === 'ready', 'messages is back')
      for (let index = 0; index < 20; index++) await heard(`message.submitted ${victim} ${index}`)
      assert.match(parley.output(), /messages ended \(.*\); it starts again/)
      const now = app('messages').pids
      assert.ok(now.daprd !== pids.daprd && now.app !== pids.app)
    })
  }

  test('a second start in the same directory is refused', async () => {
    const second = launch(args)
    assert.equal(await second.exited, 1)
    assert.match(second.output(), /runs here already \(process \d+\)/)
    assert.equal(state().state, 'ready')
  })

  test('SIGTERM: apps write through their sidecars, then everything ends', async () => {
    const { groups } = state()
    portOffset = state().portOffset
    parley.child.kill('SIGTERM')
    assert.equal(await parley.exited, 0)
    for (const id of ['messages', 'realtime', 'gateway']) assert.equal(run.heard(id).at(-1), 'drained')
    assert.deepEqual(
      groups.filter(({ pid }) => groupIsAlive(pid)),
      [],
    )
    assert.equal(run.state(), undefined)
  })

  test('on other ports the services find each other at once', async () => {
    parley = launch([...args, '--port-offset', String(portOffset + 75)])
    await whenReady()
    for (let index = 0; index < 10; index++) {
      const answer = await sidecar('invoke/messages/method/hello', undefined)
      assert.equal(answer.status, 200, await answer.text())
    }
    parley.child.kill('SIGTERM')
    assert.equal(await parley.exited, 0)
  })

  test('after a SIGKILL the next start ends what is left, and keeps the secrets', async () => {
    const before = secrets()
    parley = launch(args)
    await whenReady()
    const { groups, servers } = state()
    parley.child.kill('SIGKILL')
    await parley.exited
    assert.ok(groups.some(({ pid }) => groupIsAlive(pid)))
    parley = launch(args)
    await until(() => state()?.servers.postgres?.pid !== servers.postgres?.pid, 'the next start')
    await whenReady()
    assert.deepEqual(
      groups.filter(({ pid }) => groupIsAlive(pid)),
      [],
    )
    assert.match(parley.output(), /former run was killed/)
    assert.equal(secrets()['postgres-password'], before['postgres-password'])
  })

  test('a second Ctrl-C ends at once, and leaves nothing', async () => {
    const { groups } = state()
    for (const { pid } of groups) signal(pid, 'SIGSTOP') // so that nothing ends by itself
    parley.child.kill('SIGINT')
    await until(() => parley.child.kill('SIGINT') === false || parley.child.exitCode !== null, 'the end')
    await parley.exited
    assert.deepEqual(
      groups.filter(({ pid }) => groupIsAlive(pid)),
      [],
    )
  })
})

describe('what goes wrong is said in one sentence', () => {
  /**
   * @param {readonly string[]} options
   * @param {RegExp} sentence
   * @param {{ env?: Record<string, string>, secrets?: Record<string, string> }} [given]
   */
  async function refused(options, sentence, { env, secrets: own } = {}) {
    const place = newRunDir()
    try {
      if (own) {
        mkdirSync(join(place.directory, '.data'))
        writeFileSync(join(place.directory, '.data/secrets.json'), JSON.stringify(own))
      }
      const failing = launch(['--data', place.directory, '--run-file', place.writeRunFile(env), ...options])
      assert.equal(await failing.exited, 1)
      assert.match(failing.output(), sentence)
      assert.doesNotMatch(failing.output(), /\n\s+at /, 'no stack')
      assert.ok(!existsSync(join(place.directory, '.data/run.json')))
    } finally {
      await place.remove()
    }
  }

  test('an unknown option', () =>
    refused(['--prfile', 'redis'], /Unknown option '--prfile'\. These are the options/))
  test('an unknown profile', () =>
    refused(['--profile', 'kafak'], /no profile "kafak"\. There are: embedded, redis/))
  test('an unknown folder', () =>
    refused(['--broker', 'nope'], /no folder components\/brokers\/nope\. There are: .*mqtt/))
  test('an app that does not start', () =>
    refused(['--port-offset', 'auto'], /messages does not start: .*PORT is not set/, {
      env: { FAIL_AT_START: 'PORT is not set' },
    }))
  test('a component whose server does not answer', () =>
    refused(
      ['--port-offset', 'auto'],
      /messages does not start: the component messages-store \(state\.postgresql\/v2\) does not start: .*connection refused/,
      {
        secrets: { 'postgres-url': 'host=127.0.0.1 port=9 user=nobody dbname=none connect_timeout=2' },
      },
    ))
  test('a port in use', async () => {
    const server = createServer().listen(4103 + 21_000, '127.0.0.1')
    await refused(['--port-offset', '21000'], /25103 \(messages\) is in use by another program/)
    server.close()
  })
})
