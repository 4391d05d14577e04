import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, it } from 'node:test'
import { systemClock } from '@parley/kit'
import type { Attempt } from './domain/attempt.ts'
import { type Address, createTransport, type TransportOptions } from './push-transport.ts'
import { type Handler, startHttps } from './testing/push-service.ts'

const loopback: Address = { address: '127.0.0.1', family: 4 }
const addresses = (...list: string[]): Address[] =>
  list.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

/** A push service that answers as the test says, and a transport that may reach it. */
async function start(
  handler: Handler,
  { host, ...options }: Partial<TransportOptions> & { host?: string } = {},
) {
  const server = await startHttps(handler, host)
  const transport = createTransport({
    allowLoopback: true,
    clock: systemClock,
    ca: server.ca,
    resolve: async () => [loopback],
    timeoutMs: 5_000,
    ...options,
  })
  return {
    ...server,
    send: (endpoint = `${server.origin}/push`): Promise<Attempt> =>
      transport({ endpoint, headers: { ttl: '60' }, body: Buffer.from('body') }),
    async [Symbol.asyncDispose]() {
      transport.close()
      await server[Symbol.asyncDispose]()
    },
  }
}
const taken: Handler = (_request, response) => void response.writeHead(201).end()

describe('a request to a push service', () => {
  it('is posted with its headers and its length', async () => {
    const seen: unknown[] = []
    await using service = await start(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk)
      const { ttl, 'content-length': length } = request.headers
      seen.push([request.method, request.url, ttl, length, Buffer.concat(chunks).toString()])
      response.writeHead(201).end()
    })
    assert.deepEqual(await service.send(), { kind: 'answered', status: 201, retryAfterMs: undefined })
    assert.deepEqual(seen, [['POST', '/push', '60', '4', 'body']])
  })

  it('uses one connection for many', async () => {
    await using service = await start(taken)
    for (let i = 0; i < 5; i++) await service.send()
    assert.equal(service.connections(), 1)
  })

  it('hears when to come again', async () => {
    await using service = await start((_request, response) =>
      response.writeHead(429, { 'retry-after': '30' }).end(),
    )
    assert.deepEqual(await service.send(), { kind: 'answered', status: 429, retryAfterMs: 30_000 })
  })

  it('follows no redirect', async () => {
    const paths: unknown[] = []
    await using service = await start((request, response) => {
      paths.push(request.url)
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    assert.deepEqual(await service.send(), { kind: 'answered', status: 307, retryAfterMs: undefined })
    assert.deepEqual(paths, ['/push'])
  })

  it('takes no more of an answer than it needs', async () => {
    let sent = 0
    let closed: (value: unknown) => void = () => {}
    const cut = new Promise((resolve) => {
      closed = resolve
    })
    const chunk = Buffer.alloc(65_536)
    const most = 64 * 1024 * 1024
    await using service = await start(
      (_request, response) => {
        response.writeHead(201)
        response.once('close', closed)
        const more = () => {
          do sent += chunk.length
          while (sent < most && response.write(chunk))
        }
        response.on('drain', more)
        more()
      },
      { timeoutMs: 20_000 },
    )
    assert.equal((await service.send()).kind, 'answered')
    await cut
    assert.ok(sent < most / 2, `it took ${sent} bytes`)
  })

  it('does not wait for the end of an answer that never ends', async () => {
    await using service = await start(
      (_request, response) => {
        response.writeHead(201)
        response.write('a')
      },
      { timeoutMs: 300 },
    )
    assert.deepEqual(await service.send(), { kind: 'answered', status: 201, retryAfterMs: undefined })
  })
})

describe('a push service that', () => {
  const late = { kind: 'failed', reason: 'no answer in time' }

  it('says nothing is given up', async () => {
    await using service = await start(() => {}, { timeoutMs: 300 })
    assert.deepEqual(await service.send(), late)
  })

  it('says nothing at all, not even a certificate, is given up', async () => {
    const silent = createServer(() => {}).listen(0, '127.0.0.1')
    await new Promise((resolve) => silent.once('listening', resolve))
    await using service = await start(taken, { timeoutMs: 300 })
    const { port } = silent.address() as AddressInfo
    assert.deepEqual(await service.send(`https://localhost:${port}/push`), late)
    silent.close()
  })

  it('has a name that nobody resolves is given up', async () => {
    await using service = await start(taken, { timeoutMs: 300, resolve: () => new Promise(() => {}) })
    assert.deepEqual(await service.send(), late)
  })

  it('has no name fails', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }))
    await using service = await start(taken, { resolve })
    assert.deepEqual(await service.send(), { kind: 'failed', reason: 'ENOTFOUND' })
  })

  it('hangs up fails', async () => {
    await using service = await start((request) => request.socket.destroy())
    assert.deepEqual(await service.send(), { kind: 'failed', reason: 'ECONNRESET' })
  })

  it('has a certificate that nobody vouches for fails', async () => {
    await using service = await start(taken, { ca: undefined })
    assert.deepEqual(await service.send(), { kind: 'failed', reason: 'DEPTH_ZERO_SELF_SIGNED_CERT' })
  })

  it('has a certificate for another name fails', async () => {
    await using service = await start(taken)
    const attempt = await service.send(service.origin.replace('localhost', '127.0.0.1'))
    assert.deepEqual(attempt, { kind: 'failed', reason: 'ERR_TLS_CERT_ALTNAME_INVALID' })
  })

  it('sends endless headers fails', async () => {
    await using service = await start((request) => {
      request.socket.write('HTTP/1.1 201 Created\r\n')
      request.socket.write(`x-long: ${'x'.repeat(1_000_000)}`)
      request.socket.on('error', () => {})
    })
    assert.deepEqual(await service.send(), { kind: 'failed', reason: 'HPE_HEADER_OVERFLOW' })
  })
})

describe('the address of a push service', () => {
  const refused = { kind: 'refused', reason: 'the endpoint does not lead to a public address' }

  const skip = process.platform === 'linux' ? false : 'only Linux has all addresses of 127/8'
  it('is looked up once, and the connection goes to what was checked', { skip }, async () => {
    // No other lookup of `localhost` leads there: the server listens at another address of this machine.
    let lookups = 0
    const answers = [['127.0.0.2'], ['169.254.169.254']]
    const resolve = async () => addresses(...(answers[lookups++] ?? []))
    await using service = await start(taken, { host: '127.0.0.2', resolve })
    assert.equal((await service.send()).kind, 'answered')
    assert.equal(lookups, 1)
    assert.equal(service.connections(), 1)
  })

  it('is one of the public ones where a name has both', async () => {
    const resolve = async () => addresses('10.0.0.1', '::ffff:127.0.0.1', '127.0.0.1', '169.254.169.254')
    await using service = await start(taken, { resolve })
    assert.equal((await service.send()).kind, 'answered')
  })

  for (const address of [
    '10.0.0.1',
    '169.254.169.254',
    '100.64.0.1',
    'fe80::1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2002:a00:1::',
    '224.0.0.1',
    '::',
    '0.0.0.0',
  ])
    it(`is not ${address}`, async () => {
      await using service = await start(taken, { resolve: async () => addresses(address) })
      assert.deepEqual(await service.send(), refused)
    })

  it('is checked again for each connection: a name that was public may be so no longer', async () => {
    let now = '127.0.0.1'
    await using service = await start(
      (_request, response) => response.writeHead(201, { connection: 'close' }).end(),
      {
        resolve: async () => addresses(now),
      },
    )
    assert.equal((await service.send()).kind, 'answered')
    now = '10.0.0.1'
    assert.deepEqual(await service.send(), refused)
  })

  it('is not of this machine, unless a test says so', async () => {
    await using service = await start(taken, { allowLoopback: false })
    assert.deepEqual(await service.send('https://push.example.com/x'), refused)
    assert.deepEqual(await service.send('https://127.0.0.1/x'), refused)
    assert.deepEqual(await service.send('https://[::ffff:7f00:1]/x'), refused)
    assert.deepEqual(await service.send(), {
      ...refused,
      reason: 'the endpoint does not lead to a public address',
    })
    assert.equal(service.connections(), 0)
  })

  it('is found by the machine itself where nothing else is said', async () => {
    await using service = await start(taken, { resolve: undefined as never })
    assert.equal((await service.send()).kind, 'answered')
  })
})
