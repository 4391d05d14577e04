// What the containers of docker-compose.yml run, run here as it is.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { get } from 'node:https'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { freePort } from '../lib/ports.mjs'
import { root } from '../lib/root.mjs'
import { containers, scratch, secretFile } from './compose-project.mjs'
import { until } from './running.mjs'

/** @param {string} app what its container gets, on ports of this machine that are free, with no sidecar behind them */
async function environmentOf(app, more = {}) {
  const tokens = secretFile(`${app}.env`)
    .trim()
    .split('\n')
    .map((line) => line.split('='))
  const own = Object.entries(containers[`${app}-app`].environment).map(([name, value]) => [
    name,
    // As Compose fills it in where nothing is set.
    String(value).replace(/\$\{\w+:-(.*?)\}/g, '$1'),
  ])
  return { PATH: process.env.PATH, ...Object.fromEntries([...tokens, ...own]), ...more }
}

/**
 * @param {string} app
 * @param {Record<string, string | undefined>} env
 */
function run(app, env) {
  const [, ...args] = containers[`${app}-app`].command
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
  return { child, exited, output: () => output }
}

describe('what a container runs, without a sidecar', () => {
  for (const app of ['auth', 'messages', 'presence', 'notifications', 'realtime']) {
    test(`${app} says what it waits for, and ends on SIGTERM`, { timeout: 60_000 }, async () => {
      const env = await environmentOf(app, { APP_PORT: String(await freePort()), DAPR_HTTP_PORT: '1' })
      const service = run(app, env)
      try {
        await until(() => service.output().includes('still waiting for the Dapr sidecar'), 'the line', 40_000)
        service.child.kill('SIGTERM')
        // `realtime` begins its life when it has its sidecar; the others have something to end.
        assert.equal(await service.exited, app === 'realtime' ? 'SIGTERM' : 0)
      } finally {
        service.child.kill('SIGKILL')
      }
    })
  }

  test('a health check takes no other answer than 200', async () => {
    const server = createServer(({ url }, answer) => answer.writeHead(url === '/healthz' ? 200 : 503).end())
    await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    const { test: question } = containers['auth-app'].healthcheck
    const asked = (/** @type {string} */ path) =>
      new Promise((resolve) => {
        const env = { HEALTH_URL: `http://127.0.0.1:${port}${path}` }
        spawn(process.execPath, question.slice(2), { env }).once('exit', resolve)
      })
    assert.equal(await asked('/healthz'), 0)
    assert.equal(await asked('/readyz'), 1)
    server.close()
    assert.equal(await asked('/healthz'), 1, 'nobody answers')
  })

  const program = (/** @type {string} */ name) =>
    ['nginx', 'openssl'].includes(name) &&
    spawnSync('sh', ['-c', 'PATH="$PATH:/usr/sbin" command -v "$0"', name]).status !== 0
      ? `${name} is not installed`
      : false

  test('gateway serves TLS by the certificate that is made at the first start', {
    timeout: 60_000,
    skip: program('nginx') || program('openssl'),
  }, async () => {
    const tls = join(scratch, 'tls')
    mkdirSync(tls)
    const [shell, flag, script] = containers.certificate.command
    const make = () =>
      spawnSync(shell, [flag, script.replaceAll('$$', '$').replaceAll('/tls', tls)], {
        env: { PATH: process.env.PATH, PARLEY_HOST: 'chat.example' },
        encoding: 'utf8',
      })
    assert.equal(make().status, 0)
    const certificate = readFileSync(join(tls, 'cert.pem'), 'utf8')
    assert.equal(make().status, 0)
    assert.equal(readFileSync(join(tls, 'cert.pem'), 'utf8'), certificate, 'it is made once')

    const port = String(await freePort())
    const gateway = run(
      'gateway',
      await environmentOf('gateway', {
        GATEWAY_PORT: port,
        GATEWAY_BIND: '127.0.0.1',
        GATEWAY_RUN_DIR: join(scratch, 'gateway'),
        GATEWAY_TLS_CERT: join(tls, 'cert.pem'),
        GATEWAY_TLS_KEY: join(tls, 'key.pem'),
        REALTIME_HOST: '127.0.0.1',
        DAPR_HTTP_PORT: '1',
      }),
    )
    try {
      const healthy = () =>
        new Promise((resolve) => {
          get({ port, path: '/healthz', ca: certificate, servername: 'chat.example' }, (answer) =>
            resolve(answer.resume().statusCode === 200),
          ).on('error', () => resolve(false))
        })
      await until(healthy, 'the gateway', 30_000)
      const [, flag = '', question] = containers['gateway-app'].healthcheck.test.slice(1)
      const asked = spawnSync(process.execPath, [flag, question.replace('8443', port)])
      assert.equal(asked.status, 0, 'the health check of its container')
      gateway.child.kill('SIGTERM')
      assert.equal(await gateway.exited, 0, gateway.output())
    } finally {
      gateway.child.kill('SIGKILL')
    }
  })
})
