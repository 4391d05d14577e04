import { setTimeout as delay } from 'node:timers/promises'
import { type AppId, componentNames, type SidecarStatus } from '@parley/contracts'
import { z } from 'zod'
import type { Logger } from '../logger.ts'
import { type Line, parseJson } from './daprd.ts'

const metadata = z.object({
  runtimeVersion: z.string().default(''),
  components: z.array(
    z.object({ name: z.string(), type: z.string().default(''), version: z.string().default('') }),
  ),
})

/** Their components take `metadata.partitionKey`, and one subscriber gets all events of a key. */
const partitionedBrokers = ['pubsub.kafka', 'pubsub.azure.eventhubs', 'pubsub.pulsar']

export function createHealth(options: {
  line: Line
  app: AppId
  port: number
  logger: Logger
  timeoutMs: number
}) {
  const { line, app, port, logger, timeoutMs } = options
  const get = (path: string, signal?: AbortSignal) => line.call({ method: 'GET', path, timeoutMs, signal })
  let hasPubsub = false

  async function describe(): Promise<SidecarStatus> {
    const { text } = await line.callOrThrow({ method: 'GET', path: '/v1.0/metadata', timeoutMs })
    const { runtimeVersion: version, components } = metadata.parse(parseJson(text))
    return { version, components: components.sort((a, b) => (a.name < b.name ? -1 : 1)) }
  }
  const pubsub = async () => (await describe()).components.find(({ name }) => name === componentNames.pubsub)

  return {
    describe,

    /** Resolves when the sidecar has loaded its components; rejects when the signal aborts. */
    async waitUntilReady({ signal }: { readonly signal: AbortSignal }): Promise<void> {
      for (let waited = 0; ; waited++) {
        signal.throwIfAborted()
        // `outbound`: the components are loaded. The plain one would also wait for this app.
        const answer = await get('/v1.0/healthz/outbound', signal).catch(() => undefined)
        if (answer && answer.status < 300) return
        if (waited === 50) logger.warn({ port }, 'still waiting for the Dapr sidecar')
        await delay(100, undefined, { signal })
      }
    },

    async hasPartitions(): Promise<boolean> {
      return partitionedBrokers.includes((await pubsub())?.type ?? '')
    },

    /** `ok`, or what is wrong. For readiness: the sidecar, with the components that it was given loaded. */
    async check(): Promise<string> {
      try {
        const { status } = await get('/v1.0/healthz')
        if (status >= 300) return `the sidecar of ${app} answers ${status}`
      } catch {
        return `the sidecar of ${app} does not answer on port ${port}`
      }
      try {
        // daprd is healthy, too, without a component that no YAML of the profile names.
        hasPubsub ||= (await pubsub()) !== undefined
        return hasPubsub ? 'ok' : `the sidecar of ${app} has no component "${componentNames.pubsub}"`
      } catch {
        return `the sidecar of ${app} does not tell its components: is DAPR_API_TOKEN the same for both?`
      }
    },
  }
}
