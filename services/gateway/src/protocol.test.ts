/**
 * Engine.IO and Socket.IO are the same through the gateway as without it: one conversation with a real server, once
 * directly and once through each gateway, with and without TLS, gives one record, word by word.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as requestPlain } from 'node:http'
import { request as requestByTls } from 'node:https'
import { after, before, describe, test } from 'node:test'
import { transport } from '@parley/contracts'
import { io, type Socket } from 'socket.io-client'
import { heard, type Kind, missing, startGateway, startRealtime } from './gateway.harness.ts'
import { findNginx } from './nginx-process.ts'

const nginx = findNginx()?.path
interface Door {
  readonly url: string
  readonly ca: string | undefined
}

/** One request of long polling. */
async function ask({ url, ca }: Door, query: string, body?: string) {
  const options = { method: body === undefined ? 'GET' : 'POST', headers: { 'content-type': 'text/plain' } }
  const path = `${url}/socket.io/?${query}`
  const request = ca === undefined ? requestPlain(path, options) : requestByTls(path, { ...options, ca })
  request.end(body)
  const [response] = await once(request, 'response')
  let text = ''
  for await (const chunk of response) text += chunk
  return { status: response.statusCode, type: response.headers['content-type'], text }
}

/** Long polling, request by request. */
async function byPolling(door: Door): Promise<unknown[]> {
  const record: unknown[] = []
  let query = 'EIO=4&transport=polling'
  const say = async (body?: string) => {
    const answer = await ask(door, query, body)
    record.push({ ...answer, text: answer.text.replace(/"sid":"[^"]+"/g, '"sid":"…"') })
    return answer
  }
  const opened = await say()
  query += `&sid=${(JSON.parse(opened.text.slice(1)) as { sid: string }).sid}`
  const exchanges = [
    '40{"token":"bad"}',
    '40/nowhere,{}',
    '40{"token":"good"}',
    '420["echo","a"]\x1e421["echo","b 😀"]',
    '451-2["echo",{"_placeholder":true,"num":0}]\x1ebAQID',
    // As much as a client saves up while it has no connection.
    `423["echo","${'x'.repeat(200_000)}"]\x1e424["echo","c"]`,
  ]
  for (const packets of exchanges) {
    await say(packets)
    await say()
  }
  await say('1')
  await say()
  for (const wrong of ['EIO=3&transport=polling', 'EIO=4&transport=pigeon', 'EIO=4&transport=polling&sid=x'])
    record.push(await ask(door, wrong))
  record.push(await ask(door, 'EIO=4&transport=polling', '40'))
  return record
}

const connect = ({ url, ca }: Door, options = {}): Socket =>
  io(url, {
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
    auth: { token: 'good' },
    ...(ca === undefined ? {} : { ca }),
    ...options,
  })

/** How a connection ends that was told to: the reason, and the code of the WebSocket. */
async function ending(door: Door, end: (client: Socket) => void): Promise<unknown> {
  const client = connect(door)
  await heard(client, 'connect')
  const ended = new Promise((resolve) =>
    client.on('disconnect', (reason, details) => {
      const context =
        details !== undefined && 'context' in details ? (details.context as { code?: number }) : {}
      resolve({ reason, code: context.code })
    }),
  )
  end(client)
  return ended
}

/** WebSockets, by Socket.IO's own client. */
async function byWebSocket(door: Door): Promise<unknown[]> {
  const refused = connect(door, { auth: { token: 'bad' } })
  const { message, data } = (await heard(refused, 'connect_error')) as Error & { data?: unknown }

  const client = connect(door)
  await heard(client, 'connect')
  const echoes = []
  for (const value of ['hello 😀', { a: [1, null] }, Buffer.from([1, 2, 3]), 'x'.repeat(60_000)])
    echoes.push(await client.emitWithAck('echo', value))
  client.close()

  const upgraded = connect(door, { transports: ['polling', 'websocket'] })
  await heard(upgraded, 'connect')
  const { engine } = upgraded.io
  if (engine.transport.name !== 'websocket') await new Promise((resolve) => engine.once('upgrade', resolve))
  const after = [engine.transport.name, await upgraded.emitWithAck('echo', Buffer.from([4]))]
  upgraded.close()

  const rawly = (text: string) => (socket: Socket) =>
    (socket.io.engine.transport as unknown as { ws: WebSocket }).ws.send(text)
  return [
    { message, data },
    echoes,
    after,
    await ending(door, (socket) => socket.emit('leave')),
    await ending(door, (socket) => socket.emit('cut')),
    await ending(door, rawly('no packet of Engine.IO')),
    await ending(door, rawly('4no packet of Socket.IO')),
    await ending(door, rawly(`4${'x'.repeat(transport.bytes)}`)),
  ]
}

async function startServer() {
  const realtime = await startRealtime(['websocket', 'polling'], {
    maxHttpBufferSize: transport.bytes,
    perMessageDeflate: false,
    httpCompression: false,
  })
  realtime.io.use((socket, next) => {
    const refusal = Object.assign(new Error('refused'), { data: { code: 'token_invalid' } })
    next(socket.handshake.auth.token === 'good' ? undefined : refusal)
  })
  realtime.io.on('connection', (socket) => {
    socket.on('leave', () => socket.disconnect(true))
    socket.on('cut', () => socket.conn.close())
  })
  return realtime
}

describe('through a gateway and without one', { concurrency: true }, () => {
  let realtime: Awaited<ReturnType<typeof startServer>>
  const direct = { polling: [] as unknown[], webSocket: [] as unknown[] }
  before(async () => {
    realtime = await startServer()
    const door = { url: `http://127.0.0.1:${realtime.port}`, ca: undefined }
    direct.polling = await byPolling(door)
    direct.webSocket = await byWebSocket(door)
  })
  after(async () => {
    realtime.io.disconnectSockets(true)
    await realtime.io.close()
  })

  test('the record without one has what it is about', () => {
    const text = JSON.stringify(direct)
    for (const part of ['token_invalid', 'Invalid namespace', 'bAQID', 'Session ID unknown', '1009'])
      assert.ok(text.includes(part), `${part} in ${text.slice(0, 5_000)}`)
  })

  for (const kind of ['nginx', 'node'] satisfies Kind[])
    for (const certified of [false, true]) {
      const skip =
        (kind === 'nginx' && nginx === undefined && 'there is no nginx here') ||
        (certified && missing('openssl'))
      test(`${kind}${certified ? ' with TLS' : ''}`, { skip }, async () => {
        const gateway = await startGateway(kind, {
          nginx,
          certified,
          realtime: [`127.0.0.1:${realtime.port}`],
        })
        try {
          assert.deepEqual(await byPolling(gateway), direct.polling)
          assert.deepEqual(await byWebSocket(gateway), direct.webSocket)
        } finally {
          await gateway.close()
        }
      })
    }
})
