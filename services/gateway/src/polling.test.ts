/** Long polling with several nodes of realtime: what keeps a client at its node, and what happens where nothing does. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request as httpRequest } from 'node:http'
import { connect, type NetConnectOpts } from 'node:net'
import { describe, test } from 'node:test'
import { transport } from '@parley/contracts'
import { io } from 'socket.io-client'
import { type Gateway, heard, type Kind, startGateway, startRealtime } from './gateway.harness.ts'
import { findNginx } from './nginx-process.ts'

const nginx = findNginx()?.path
const isMissing = (kind: Kind) => (kind === 'nginx' && nginx === undefined ? 'there is no nginx here' : false)
const handshake = 'EIO=4&transport=polling'

/** A client that may move: each of its connections comes from its address of the moment. */
function startMoving(first: string) {
  const place = { address: first }
  const agent = new Agent()
  agent.createConnection = (options) =>
    connect({ ...(options as NetConnectOpts), localAddress: place.address } as NetConnectOpts)
  return { place, agent }
}

async function ask(gateway: Gateway, address: string, query: string, body?: string) {
  const request = httpRequest(`${gateway.url}/socket.io/?${query}`, {
    method: body === undefined ? 'GET' : 'POST',
    localAddress: address,
    agent: false,
  })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode as number, text }
}

async function withNodes(
  kind: Kind,
  use: (gateway: Gateway, nodeOf: (sid: string) => number) => Promise<void>,
): Promise<void> {
  const nodes = [await startRealtime(['polling', 'websocket']), await startRealtime(['polling', 'websocket'])]
  const realtime = nodes.map(({ port }) => `127.0.0.1:${port}`)
  const gateway = await startGateway(kind, { nginx, realtime })
  try {
    await use(gateway, (sid) => nodes.findIndex(({ io }) => sid in (io.engine as unknown as Clients).clients))
  } finally {
    await gateway.close()
    for (const { io } of nodes) {
      io.disconnectSockets(true)
      await io.close()
    }
  }
}
interface Clients {
  readonly clients: Readonly<Record<string, unknown>>
}

const sidOf = (opened: string): string => (JSON.parse(opened.slice(1)) as { sid: string }).sid

/** A loopback address whose clients are of another node. */
async function findElsewhere(gateway: Gateway, nodeOf: (sid: string) => number, node: number) {
  for (let last = 2; last < 60; last++) {
    const address = `127.0.0.${last}`
    const { text } = await ask(gateway, address, handshake)
    if (nodeOf(sidOf(text)) !== node) return address
  }
  return assert.fail('all addresses are of one node')
}

for (const kind of ['nginx', 'node'] satisfies Kind[])
  describe(kind, { concurrency: true, skip: isMissing(kind) }, () => {
    test('clients of one address are of one node, and each keeps its own session', async () => {
      await withNodes(kind, async (gateway, nodeOf) => {
        const options = { transports: ['polling'], reconnection: false, forceNew: true }
        const clients = Array.from({ length: 4 }, () => io(gateway.url, options))
        await Promise.all(clients.map((client) => heard(client, 'connect')))
        const answers = clients.map((client, n) => client.emitWithAck('echo', n))
        assert.deepEqual(await Promise.all(answers), [0, 1, 2, 3])
        const ids = clients.map((client) => client.io.engine.id ?? '')
        assert.equal(new Set(ids).size, 4)
        assert.equal(new Set(ids.map(nodeOf)).size, 1)
        for (const client of clients) client.close()
      })
    })

    test('who comes from another address is unknown there, and its client starts again', {
      skip: process.platform !== 'linux' && 'only Linux has more loopback addresses than one',
      timeout: 120_000,
    }, async () => {
      await withNodes(kind, async (gateway, nodeOf) => {
        const { place, agent } = startMoving('127.0.0.1')
        const client = io(gateway.url, {
          transports: ['polling'],
          // What is between the types and Node's own agent is nothing but the name.
          agent: agent as unknown as string,
          reconnectionDelay: 50,
          forceNew: true,
        })
        await heard(client, 'connect')
        const sid = client.io.engine.id ?? ''
        const elsewhere = await findElsewhere(gateway, nodeOf, nodeOf(sid))

        const { status, text } = await ask(gateway, elsewhere, `${handshake}&sid=${sid}`)
        assert.equal(status, 400)
        assert.deepEqual(JSON.parse(text), { code: 1, message: 'Session ID unknown' })

        const [gone, back] = [heard(client, 'disconnect'), heard(client.io as never, 'reconnect')]
        place.address = elsewhere
        const answer = client.emitWithAck('echo', 'while it moves').catch(() => 'lost')
        assert.equal(await gone, 'transport error')
        await back
        assert.equal(await client.emitWithAck('echo', 'a'), 'a')
        assert.notEqual(nodeOf(client.io.engine.id ?? ''), nodeOf(sid))
        await answer
        client.close()
      })
    })

    test('a request of long polling has the limit that Engine.IO tells its client', async () => {
      await withNodes(kind, async (gateway) => {
        const { text } = await ask(gateway, '127.0.0.1', handshake)
        const sid = sidOf(text)
        const over = await ask(
          gateway,
          '127.0.0.1',
          `${handshake}&sid=${sid}`,
          'x'.repeat(transport.bytes + 1),
        )
        assert.equal(over.status, 413)
        const { code, limit } = JSON.parse(over.text) as { code: string; limit: number }
        assert.deepEqual([code, limit], ['body_too_large', transport.bytes])
      })
    })
  })
