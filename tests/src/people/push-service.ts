import { createECDH, randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { generate } from 'selfsigned'
import { patienceMs } from './hearing.ts'

/** A push service on loopback, as browsers have theirs on the internet. */
export interface PushService {
  /** What a browser would hand out: a subscription of a device of this name. */
  subscription(device: string): { endpoint: string; keys: { p256dh: string; auth: string } }
  /** How many pushes a device got. */
  count(device: string): number
  until(device: string, pushes: number): Promise<void>
  /** What it answers from now on; 201 at first. */
  answer: number
  readonly ca: string
  /** The same in a file, as `NODE_EXTRA_CA_CERTS` wants it. */
  readonly caFile: string
  close(): Promise<void>
}

export async function startPushService(): Promise<PushService> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'localhost' }])
  const directory = await mkdtemp(join(tmpdir(), 'parley-push-'))
  const caFile = join(directory, 'ca.pem')
  await writeFile(caFile, cert)
  const counts = new Map<string, number>()
  const server = createServer({ key, cert }, (request, response) => {
    const device = request.url?.slice(1) ?? ''
    request.resume().on('end', () => {
      counts.set(device, (counts.get(device) ?? 0) + 1)
      response.writeHead(service.answer).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo

  const service: PushService = {
    ca: cert,
    caFile,
    answer: 201,
    subscription(device) {
      const p256dh = createECDH('prime256v1').generateKeys('base64url')
      const auth = randomBytes(16).toString('base64url')
      return { endpoint: `https://localhost:${port}/${device}`, keys: { p256dh, auth } }
    },
    count: (device) => counts.get(device) ?? 0,
    async until(device, pushes) {
      const end = Date.now() + patienceMs
      while (service.count(device) < pushes) {
        if (Date.now() > end) throw new Error(`${device} got ${service.count(device)} pushes, not ${pushes}`)
        await delay(20)
      }
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
      await rm(directory, { recursive: true, force: true })
    },
  }
  return service
}
