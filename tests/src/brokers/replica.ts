/** A replica of an app as its broker sees it: a real sidecar with the real components, and an app that this test plays. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Daprd, startDaprd } from '@parley/testkit'
import { z } from 'zod'

const components = fileURLToPath(new URL('../../../components', import.meta.url))
const topic = 'message.submitted'
const event = z.looseObject({ data: z.looseObject({ number: z.number() }) })

export interface Replica {
  /** The numbers of the events that it has handled. */
  readonly handled: readonly number[]
  /** The numbers of those that it was given and has not answered. */
  readonly held: readonly number[]
  /** From now on it answers nothing that it is given. */
  hold(): void
  publish(number: number): Promise<void>
  /** SIGKILL of its sidecar. */
  crash(): void
  stop(): Promise<void>
}

/** @param directory where `.data/secrets.json` is */
export async function startReplica(folder: string, directory: string): Promise<Replica> {
  const handled: number[] = []
  const held: number[] = []
  let holding = false
  const app = createServer((request, response) => {
    if (request.url !== `/events/${topic}`) return void response.writeHead(404).end()
    let body = ''
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString()
    })
    request.on('end', () => {
      const { number } = event.parse(JSON.parse(body)).data
      if (holding) return void held.push(number)
      handled.push(number)
      response.setHeader('content-type', 'application/json')
      response.end('{"status":"SUCCESS"}')
    })
  })
  await new Promise<void>((resolve) => app.listen(0, '127.0.0.1', resolve))
  const daprd: Daprd = await startDaprd({
    appId: 'messages',
    appPort: (app.address() as AddressInfo).port,
    cwd: directory,
    config: join(components, 'common/config.yaml'),
    resourcesPaths: [join(components, 'common'), join(components, 'brokers', folder)],
  }).catch((error) => {
    app.close()
    throw error
  })
  return {
    handled,
    held,
    hold() {
      holding = true
    },
    async publish(number) {
      const lane = number % 64
      const answer = await fetch(
        `http://127.0.0.1:${daprd.httpPort}/v1.0/publish/pubsub/${topic}?metadata.partitionKey=${lane}`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ number }),
          signal: AbortSignal.timeout(30_000),
        },
      )
      if (!answer.ok) throw new Error(`publish: ${answer.status} ${await answer.text()}`)
    },
    crash: () => daprd.signal('SIGKILL'),
    async stop() {
      await daprd.stop()
      await new Promise((resolve) => {
        app.close(resolve)
        app.closeAllConnections()
      })
    },
  }
}
