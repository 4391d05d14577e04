import { createECDH, createPublicKey, type ECDH, randomBytes, verify } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import ece from 'http_ece'
import { generate } from 'selfsigned'

/** A push as the device gets it. */
export interface Received {
  readonly payload: { title: string; body: string; conversationId: string; seq: number; tag: string }
  readonly encryptedBytes: number
  readonly headers: IncomingMessage['headers']
  /** The claims of the VAPID token, whose signature was good. */
  readonly claims: { aud: string; exp: number; sub: string }
  /** base64url */
  readonly vapidKey: string
}

/** A browser's subscription, with the keys to read what comes. */
export interface Device {
  readonly subscription: { endpoint: string; keys: { p256dh: string; auth: string } }
  readonly received: Received[]
}

export type Answer = { status: number; headers?: Record<string, string> } | 'none'

export type PushService = Awaited<ReturnType<typeof startPushService>>

/** One certificate for all tests of a process: to make it takes longer than to use it. */
const certificate = generate([{ name: 'commonName', value: 'localhost' }], {
  keyType: 'ec',
  algorithm: 'sha256',
  extensions: [
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
  ],
})

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** An HTTPS server on loopback whose certificate is good for `localhost`. */
export async function startHttps(handler: Handler, host = '127.0.0.1') {
  const { private: key, cert } = await certificate
  const server = createServer({ key, cert }, handler)
  let connections = 0
  server.on('connection', () => {
    connections++
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    ca: cert,
    origin: `https://localhost:${(server.address() as AddressInfo).port}`,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A push service as RFC 8030 has it: takes a push only if it is signed (RFC 8292) and the device can read it (8291). */
export async function startPushService() {
  const devices = new Map<string, Device & { ecdh: ECDH; auth: Buffer }>()
  /** What it answers to the next pushes of a device, by path; 201 where nothing is planned. */
  const planned = new Map<string, Answer[]>()
  const refusals: string[] = []
  const server = await startHttps((request, response) => void take(request, response))

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const path = request.url ?? ''
    const device = devices.get(path)
    const answer = planned.get(path)?.shift() ?? { status: 201 }
    if (answer === 'none') return
    if (device !== undefined && answer.status < 300) {
      try {
        device.received.push(read(request, Buffer.concat(chunks), device, server.origin))
      } catch (error) {
        refusals.push(String(error))
        response.writeHead(400).end()
        return
      }
    }
    response.writeHead(answer.status, answer.headers ?? {}).end()
  }

  return {
    ...server,
    /** What it could not take as a push; empty where all is well. */
    refusals,
    newDevice(): Device {
      const ecdh = createECDH('prime256v1')
      const p256dh = ecdh.generateKeys().toString('base64url')
      const auth = randomBytes(16)
      const path = `/push/${randomBytes(8).toString('hex')}`
      const keys = { p256dh, auth: auth.toString('base64url') }
      const device = { subscription: { endpoint: server.origin + path, keys }, received: [], ecdh, auth }
      devices.set(path, device)
      return device
    },
    plan(device: Device, ...answers: Answer[]): void {
      planned.set(new URL(device.subscription.endpoint).pathname, answers)
    },
  }
}

function read(
  request: IncomingMessage,
  body: Buffer,
  { ecdh, auth }: { ecdh: ECDH; auth: Buffer },
  origin: string,
): Received {
  if (body.length > 4096) throw new Error(`${body.length} bytes are more than a push service takes`)
  if (request.method !== 'POST' || request.headers['content-encoding'] !== 'aes128gcm')
    throw new Error('is not an encrypted POST')
  const { claims, key } = readVapid(request.headers.authorization ?? '')
  if (claims.aud !== origin) throw new Error(`is signed for ${claims.aud}`)
  const plain = ece.decrypt(body, { version: 'aes128gcm', privateKey: ecdh, authSecret: auth })
  return {
    payload: JSON.parse(plain.toString()),
    encryptedBytes: body.length,
    headers: request.headers,
    claims,
    vapidKey: key,
  }
}

/** `vapid t=<JWT>, k=<public key>`: throws unless the key signed the token by ES256 and it is good for a day at most. */
function readVapid(header: string): { claims: Received['claims']; key: string } {
  const [, token = '', key = ''] = /^vapid t=([^,]+), ?k=(.+)$/.exec(header) ?? []
  const [head = '', body = '', signature = ''] = token.split('.')
  const point = Buffer.from(key, 'base64url')
  const jwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
  }
  const good = verify(
    'sha256',
    Buffer.from(`${head}.${body}`),
    { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  )
  const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString())
  if (!good || alg !== 'ES256') throw new Error('has a bad signature')
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Received['claims']
  const left = claims.exp - Date.now() / 1000
  if (left <= 0 || left > 24 * 3600) throw new Error('is not signed for a day')
  return { claims, key }
}
