// Who gets through: by access control, certificates, tokens and RBAC.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { connect } from 'node:tls'
import { internalSync, lookUpUsers, validateSession } from '@parley/contracts'

/** @param {import('./world.mjs').World} world */
export function access(world) {
  /**
   * @param {string} app whose sidecar is asked
   * @param {string} path
   * @param {RequestInit} [more]
   */
  const ask = async (app, path, more = {}) => {
    const { sidecarPort, env } = world.podOf(app)
    const headers = { 'dapr-api-token': env.DAPR_API_TOKEN ?? '', 'content-type': 'application/json' }
    const answer = await fetch(`http://127.0.0.1:${sidecarPort}${path}`, { headers, ...more })
    return { status: answer.status, text: await answer.text() }
  }
  const call = (/** @type {string} */ caller, /** @type {any} */ { app, method, path }) =>
    ask(caller, `/v1.0/invoke/${app}/method${path}`, method === 'GET' ? {} : { method, body: '{}' })

  describe('access', () => {
    const denied = /access control policy has denied access/
    test('an app calls what its contract lets it, and nothing else', async () => {
      // Past the list: the service itself finds the body wrong.
      for (const allowed of [await call('realtime', validateSession), await call('realtime', internalSync)])
        assert.deepEqual([allowed.status, denied.test(allowed.text)], [422, false], allowed.text)
      // At once: each is tried for 3 s, as Dapr takes a refusal of its own for a call that nobody answered.
      const others = [
        ...['presence', 'notifications', 'messages', 'gateway'].map((caller) =>
          call(caller, validateSession),
        ),
        call('gateway', lookUpUsers),
        call('gateway', { app: 'messages', method: 'POST', path: '/events/message.submitted' }),
      ]
      for (const answer of await Promise.all(others)) {
        assert.equal(answer.status, 403, answer.text)
        assert.match(answer.text, denied)
      }
    })

    test('a sidecar wants the token of its app', async () => {
      const { sidecarPort } = world.podOf('auth')
      assert.equal((await fetch(`http://127.0.0.1:${sidecarPort}/v1.0/metadata`)).status, 401)
    })

    test('sidecars know each other by certificates of sentry', async () => {
      const { subjectaltname } = await certificateOf(world.podOf('auth').address)
      assert.match(subjectaltname, /URI:spiffe:\/\/parley\/ns\/parley\/auth/)
    })

    test('a service account reads its own secrets, and an app asks its sidecar for fewer', async () => {
      const token =
        world.podOf('presence').tokens['/var/run/secrets/kubernetes.io/serviceaccount/token'] ?? ''
      const read = async (/** @type {string} */ name) =>
        (await world.system().cluster.call('GET', `/api/v1/namespaces/parley/secrets/${name}`, { token }))
          .status
      assert.deepEqual(
        [await read('redis-host'), await read('postgres-url'), await read('auth-app-api-token')],
        [200, 403, 403],
      )
      const secret = (/** @type {string} */ app, /** @type {string} */ name) =>
        ask(app, `/v1.0/secrets/secrets/${name}`)
      assert.equal((await secret('messages', 'messages-store-url')).status, 200)
      for (const name of ['rabbitmq-url', 'postgres-url'])
        assert.match((await secret('messages', name)).text, /ERR_PERMISSION_DENIED/)
    })
  })
}

/** @param {string} host */
const certificateOf = (host) =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port: 50002, rejectUnauthorized: false, ALPNProtocols: ['h2'] }, () => {
      resolve(/** @type {any} */ (socket.getPeerCertificate()))
      socket.destroy()
    })
    socket.once('error', reject)
  })
