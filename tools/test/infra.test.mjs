// The other way to start Parley: `npm run infra` in one terminal, `dapr run -f dapr.yaml` in another.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { portIsFree } from '../lib/ports.mjs'
import { groupIsAlive, listProcesses, signal } from '../lib/processes.mjs'
import { launch, newRunDir, until } from './running.mjs'

const run = newRunDir()
const infra = launch(['--port-offset', 'auto', '--data', run.directory], 'tools/infra.mjs')
const state = () => /** @type {import('../lib/run-state.mjs').RunState} */ (run.state())
/** @type {import('node:child_process').ChildProcess} */
let dapr
let said = ''

before(async () => {
  await until(
    () => infra.output().includes('Ctrl-C here stops') || infra.child.exitCode !== null,
    'the servers',
  )
  const command = /^ +(dapr run -f \S+)$/m.exec(infra.output())?.[1]
  assert.ok(command, infra.output())
  const environment = /^ +(\. \S*dapr\.env)/m.exec(infra.output())?.[1]
  // As a person would: the lines that it printed, from the directory where it was started.
  dapr = spawn('sh', ['-c', `${environment}; exec ${command}`], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [dapr.stdout, dapr.stderr]) {
    stream?.on('data', (chunk) => {
      said += chunk
    })
  }
})
after(async () => {
  try {
    const pid = dapr?.pid
    // `dapr run -f` makes a group of its own and ends all that it started.
    if (pid !== undefined) {
      signal(pid, 'SIGTERM')
      await until(() => !groupIsAlive(pid), 'the end of dapr run')
    }
    infra.child.kill('SIGINT')
    await infra.exited
  } finally {
    await run.remove()
  }
})

/** @param {string} app the service, asked through its own sidecar */
const invoke = async (app, /** @type {string} */ path, /** @type {RequestInit} */ init = {}) =>
  fetch(`${state().urls.sidecars[app]}/v1.0/invoke/${app}/method${path}`, {
    ...init,
    headers: { 'content-type': 'application/json', ...init.headers },
  })

describe('npm run infra and dapr run -f', () => {
  /** @type {string} */
  let token

  test('every service becomes ready', async () => {
    await until(
      async () => {
        const answer = await fetch(`${state().urls.gateway}/readyz`).catch(() => undefined)
        return answer?.ok
      },
      'readyz of the gateway',
      90_000,
    ).catch((error) => assert.fail(`${error.message}\n${said.slice(-4_000)}`))
  })

  test('a service answers through its sidecar as it does through the gateway', async () => {
    const credentials = JSON.stringify({ username: `ada-${process.pid}`, password: 'correct horse battery' })
    const registered = await invoke('auth', '/api/auth/register', { method: 'POST', body: credentials })
    assert.equal(registered.status, 201, await registered.clone().text())
    token = /** @type {any} */ (await registered.json()).accessToken
    const headers = { authorization: `Bearer ${token}` }
    const direct = await invoke('messages', '/api/conversations', { headers })
    assert.equal(direct.status, 200)
    const throughGateway = await fetch(`${state().urls.gateway}/api/conversations`, { headers })
    assert.deepEqual(await direct.json(), await throughGateway.json())
  })

  test('without a token the same route refuses', async () => {
    const answer = await invoke('messages', '/api/conversations')
    assert.equal(answer.status, 401)
    assert.equal(/** @type {any} */ (await answer.json()).code, 'token_missing')
  })

  test('the sidecars look for no placement and no scheduler', () => {
    const ours = listProcesses().filter(
      ({ group, command }) => group === dapr.pid && /daprd\S* .*--app-id/.test(command),
    )
    assert.equal(ours.length, 6)
    for (const { command } of ours)
      assert.doesNotMatch(command, /scheduler-host-address|placement-host-address/)
  })

  test('dapr run -f, told to stop, leaves nobody: neither an app nor the gateway that serves for one', async () => {
    const pid = /** @type {number} */ (dapr.pid)
    signal(pid, 'SIGTERM')
    await until(() => !groupIsAlive(pid), 'the end of dapr run')
    await until(
      () => portIsFree(Number(new URL(state().urls.gateway).port)),
      'the port of the gateway is free',
    )
  })
})
