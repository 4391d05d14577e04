import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { Agent, get } from 'node:http'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { listen } from './testing/server.ts'
import type { ServiceScript } from './testing/service.ts'

const program = fileURLToPath(new URL('./testing/service.js', import.meta.url))

/** A process of its own per test: the lifecycle ends the process that it is in. */
class Service {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | NodeJS.Signals | null>
  #log = ''

  constructor(script: ServiceScript) {
    this.#child = spawn(process.execPath, [program], {
      env: { ...process.env, SERVICE: JSON.stringify(script) },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child.stdout?.on('data', (chunk: Buffer) => {
      this.#log += chunk.toString()
    })
    this.#ended = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => resolve(code ?? signal))
    })
  }

  get lines(): { level: string; msg: string; err?: { message: string } }[] {
    return this.#log
      .split('\n')
      .filter((line) => line.endsWith('}'))
      .map((line) => JSON.parse(line))
  }
  get messages(): string[] {
    return this.lines.map(({ msg }) => msg)
  }

  async said(message: string, times = 1): Promise<void> {
    const deadline = Date.now() + 30_000
    while (this.messages.filter((msg) => msg === message).length < times) {
      assert.ok(Date.now() < deadline, `it never said "${message}":\n${this.#log}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** The exit code, or the signal that ended it. */
  async end(): Promise<number | NodeJS.Signals | null> {
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 30_000)
    return this.#ended.finally(() => clearTimeout(timer))
  }

  [Symbol.asyncDispose]() {
    this.#child.kill('SIGKILL')
    return this.#ended.then(() => {})
  }
}

async function freePort(): Promise<number> {
  const { port, ...server } = await listen(() => {})
  await server[Symbol.asyncDispose]()
  return port
}

/** Over a connection that is kept alive, as daprd's are. */
function ask(port: number, path: string, agent: Agent): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, path, agent }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    }).on('error', reject)
  })
}

const readyLine = 'messages is ready'

describe('the life of a service', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`is ready, drains at ${signal}, is closed and ends well`, async () => {
      await using service = new Service({ port: await freePort() })
      await service.said(readyLine)
      service.signal(signal)
      assert.equal(await service.end(), 0)
      assert.deepEqual(service.messages, [
        'step ready',
        readyLine,
        'messages is draining',
        'step drain',
        'step close',
        'messages is closed',
      ])
    })

  it('does not listen before it is ready: whoever calls goes to another replica', async () => {
    const port = await freePort()
    await using service = new Service({ port, ready: 'hang' })
    await service.said('step ready')
    await assert.rejects(ask(port, '/', new Agent()), { code: 'ECONNREFUSED' })
  })

  it('finishes what it is serving, and waits for no connection that is only kept alive', async () => {
    const port = await freePort()
    const agent = new Agent({ keepAlive: true })
    await using service = new Service({ port, deadlines: { serverMs: 15_000 } })
    await service.said(readyLine)
    assert.equal(await ask(port, '/', agent), 'served')
    const slow = ask(port, '/slow', agent)
    await service.said('step request', 2)
    service.signal('SIGTERM')
    assert.equal(await slow, 'served')
    assert.equal(await service.end(), 0)
    assert.deepEqual(service.messages.slice(-2), ['step close', 'messages is closed'])
    assert.equal(
      service.lines.some(({ level }) => level === 'error'),
      false,
    )
    agent.destroy()
  })

  it('leaves behind whatever misses its deadline, and says so', async () => {
    const port = await freePort()
    const agent = new Agent({ keepAlive: true })
    const deadlines = { drainMs: 100, serverMs: 100, closeMs: 100 }
    await using service = new Service({ port, drain: 'hang', close: 'hang', deadlines })
    await service.said(readyLine)
    const stuck = ask(port, '/stuck', agent)
    await service.said('step request')
    service.signal('SIGTERM')
    await assert.rejects(stuck)
    assert.equal(await service.end(), 0)
    assert.deepEqual(
      service.lines.filter(({ level }) => level === 'error').map(({ msg, err }) => [msg, err?.message]),
      [
        ['messages could not drain properly', 'not done after 100 ms'],
        ['messages could not finish its requests properly', 'not done after 100 ms'],
        ['messages could not close properly', 'not done after 100 ms'],
      ],
    )
  })

  it('goes on when a step fails', async () => {
    await using service = new Service({ port: await freePort(), drain: 'fail', close: 'fail' })
    await service.said(readyLine)
    service.signal('SIGTERM')
    assert.equal(await service.end(), 0)
    assert.deepEqual(service.messages.slice(-4), [
      'messages could not drain properly',
      'step close',
      'messages could not close properly',
      'messages is closed',
    ])
  })

  it('ends at once at a second signal', async () => {
    await using service = new Service({ port: await freePort(), drain: 'hang' })
    await service.said(readyLine)
    service.signal('SIGTERM')
    await service.said('step drain')
    service.signal('SIGINT')
    assert.equal(await service.end(), 1)
    assert.equal(service.messages.at(-1), 'messages got SIGINT while stopping and ends at once')
  })

  it('drains when the signal comes before it is ready', async () => {
    await using service = new Service({ port: await freePort(), ready: 'hang' })
    await service.said('step ready')
    service.signal('SIGTERM')
    assert.equal(await service.end(), 0)
    assert.equal(service.messages.includes(readyLine), false)
    assert.equal(service.messages.at(-1), 'messages is closed')
  })

  const deaths: readonly (readonly [
    name: string,
    script: Omit<ServiceScript, 'port'>,
    last: string,
    err: string,
  ])[] = [
    ['it does not get ready', { ready: 'fail' }, 'messages did not get ready', 'ready failed'],
    [
      'it does not get ready in time',
      { ready: 'hang', deadlines: { readyMs: 100 } },
      'messages did not get ready',
      'not done after 100 ms',
    ],
    [
      'an exception is not caught',
      { afterwards: 'throw' },
      'an exception was not caught',
      'thrown in the open',
    ],
    [
      'a rejection is not handled',
      { afterwards: 'reject' },
      'a rejection was not handled',
      'rejected in the open',
    ],
  ]
  for (const [name, script, last, message] of deaths)
    it(`dies with a line when ${name}`, async () => {
      await using service = new Service({ ...script, port: await freePort() })
      assert.equal(await service.end(), 1)
      const line = service.lines.at(-1)
      assert.deepEqual([line?.level, line?.msg, line?.err?.message], ['fatal', last, message])
    })

  it('dies with one clear sentence where its port is taken', async () => {
    await using other = await listen(() => {})
    await using service = new Service({ port: other.port })
    assert.equal(await service.end(), 1)
    assert.equal(service.messages.at(-1), `port ${other.port} is in use: another messages is running`)
  })
})
