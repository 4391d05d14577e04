/** The gateway as the process that `dapr run` starts. */
import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, createServer as createNetServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Server as SocketServer } from 'socket.io'
import { io } from 'socket.io-client'
import { certificate, freePort, heard, type Kind, missing } from './gateway.harness.ts'
import { findNginx } from './nginx-process.ts'

const main = fileURLToPath(new URL('main.js', import.meta.url))
const token = 'the-token-of-the-sidecar'

/** Both what a sidecar and what realtime would be. */
let behind: Server
let asked = 0
let answerAfterMs = 0
let folder = ''
let port = 0
let child: ChildProcess | undefined
let output = ''

before(async () => {
  behind = createServer((_request, response) => {
    asked += 1
    setTimeout(() => response.end('{}'), answerAfterMs)
  })
  new SocketServer(behind, { transports: ['websocket'] })
  behind.listen(0, '127.0.0.1')
  await once(behind, 'listening')
})
after(() => {
  behind.close()
  behind.closeAllConnections()
})
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'parley-gateway-'))
  port = await freePort()
  asked = 0
  answerAfterMs = 0
  output = ''
})
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    child.kill('SIGTERM')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

function launch(kind: Kind, env: Readonly<Record<string, string>> = {}): ChildProcess {
  const upstream = String((behind.address() as AddressInfo).port)
  child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH,
      GATEWAY_PORT: String(port),
      GATEWAY_RUN_DIR: join(folder, 'run'),
      PARLEY_GATEWAY: kind,
      DAPR_HTTP_PORT: upstream,
      REALTIME_PORT: upstream,
      DAPR_API_TOKEN: token,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk))
  return child
}
const url = () => `http://127.0.0.1:${port}`
const answers = () =>
  fetch(`${url()}/healthz`).then(
    () => true,
    () => false,
  )
async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await fact())) {
    assert.ok(Date.now() < deadline, `not within 30 s: ${what}\n${output}`)
    await delay(20)
  }
}
async function exitCode(process: ChildProcess): Promise<number | null> {
  if (process.exitCode === null) await once(process, 'exit')
  return process.exitCode
}

for (const kind of ['nginx', 'node'] satisfies Kind[])
  describe(kind, { skip: kind === 'nginx' && !findNginx() ? 'there is no nginx here' : false }, () => {
    test('told to stop, it finishes what it is serving, ends the sockets and goes', async () => {
      const gateway = launch(kind)
      await until(answers, 'it serves')
      const client = io(url(), { transports: ['websocket'], reconnection: false })
      await heard(client, 'connect')
      const gone = heard(client, 'disconnect')
      answerAfterMs = 500
      const slow = fetch(`${url()}/api/auth/me`)
      await until(() => asked === 1, 'the request is being served')
      gateway.kill('SIGTERM')
      assert.equal((await slow).status, 200)
      await gone
      assert.equal(await exitCode(gateway), 0, output)
      assert.equal(await answers(), false)
    })

    test('killed, it leaves nobody on its port', async () => {
      const gateway = launch(kind)
      await until(answers, 'it serves')
      gateway.kill('SIGKILL')
      await until(async () => !(await answers()), 'the port is free')
    })

    test('a port that is taken is said in one line', async () => {
      const other = createNetServer().listen(port, '127.0.0.1')
      await once(other, 'listening')
      assert.equal(await exitCode(launch(kind)), 1)
      other.close()
      const fatal = output.split('\n').filter((line) => line.includes('"level":"fatal"'))
      assert.equal(fatal.length, 1, output)
      assert.match(fatal[0] ?? '', /in use/)
    })

    test('the token of the sidecar is in no log and no list of processes', async () => {
      launch(kind, { LOG_LEVEL: 'trace' })
      await until(answers, 'it serves')
      await fetch(`${url()}/api/auth/me?token=${token}`, { headers: { authorization: `Bearer ${token}` } })
      // Its own standard output is a socket here, which NGINX cannot open.
      const file = join(folder, 'run/access.log')
      const log = () => output + (existsSync(file) ? readFileSync(file, 'utf8') : '')
      await until(() => log().includes('/api/auth/me'), 'the request is in the log')
      assert.doesNotMatch(log(), new RegExp(token))
      const processes = execFileSync('ps', ['-ax', '-o', 'args'], { encoding: 'utf8' })
      assert.ok(processes.includes(main))
      assert.doesNotMatch(processes, new RegExp(token))
    })

    test('without a web app there is a page that says so', async () => {
      launch(kind, { WEB_ROOT: folder })
      await until(answers, 'it serves')
      const page = await fetch(url())
      assert.equal(page.status, 200)
      assert.match(await page.text(), /without its web app.*\/api\/docs/s)
      assert.match(output, /there is no web app/)
    })

    test('with a certificate it speaks TLS, and tells browsers to stay with it', {
      skip: missing('openssl') || missing('curl'),
    }, async () => {
      const { cert, key } = certificate(folder)
      launch(kind, { GATEWAY_TLS_CERT: cert, GATEWAY_TLS_KEY: key })
      const tryCurl = () =>
        spawnSync('curl', ['-si', '--cacert', cert, `https://localhost:${port}/healthz`], {
          encoding: 'utf8',
        }).stdout
      await until(() => tryCurl().includes(' 200 '), 'it serves')
      assert.match(tryCurl(), /^strict-transport-security: max-age=31536000/im)
    })

    test('a certificate that is none is said in one line', async () => {
      const file = join(folder, 'cert.pem')
      writeFileSync(file, 'nonsense')
      assert.equal(await exitCode(launch(kind, { GATEWAY_TLS_CERT: file, GATEWAY_TLS_KEY: file })), 1)
      assert.match(output, /^ConfigError: \S+cert\.pem and \S+ are no certificate and its key: .*\.$/m)
    })
  })
