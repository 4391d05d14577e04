import { type AppId, componentNames, type EventContract, type SidecarStatus } from '@parley/contracts'
import type { z } from 'zod'
import type { Logger } from '../logger.ts'
import { openLine, type SidecarTimeouts, sidecarTimeouts } from './daprd.ts'
import { createHealth } from './health.ts'
import { createInvoke, type Invoke } from './invoke.ts'
import { createSecrets } from './secrets.ts'
import { createState, type SidecarState } from './state.ts'

/** What a service asks of its Dapr sidecar. */
export interface Sidecar {
  /** Resolves when the broker has it. Throws ChatError `unavailable`: it may or may not have it. */
  publish<S extends z.ZodType>(
    event: EventContract<S>,
    data: z.input<S>,
    options?: { readonly lane?: number; readonly signal?: AbortSignal },
  ): Promise<void>
  /** Publishes what was once an event to its topic again. */
  publishRaw(topic: string, data: unknown): Promise<void>
  /**
   * Calls a route of another app and parses its answer. A problem comes back as the ChatError of its code, no answer
   * or a time-out as `unavailable`.
   */
  readonly invoke: Invoke
  /** Hands it to an output binding (operation `create`). Throws ChatError `unavailable`: it may or may not have it. */
  output(binding: string, data: unknown): Promise<void>
  /** Undefined where the secret store has no such secret. Throws ChatError `unavailable` where it cannot be asked. */
  secret(name: string): Promise<string | undefined>
  readonly state: SidecarState
  /** Resolves when the sidecar has loaded its components; rejects when the signal aborts. */
  waitUntilReady(options: { readonly signal: AbortSignal }): Promise<void>
  /** Whether the broker brings all events of a lane to one replica. Throws where the sidecar does not say. */
  brokerHasPartitions(): Promise<boolean>
  /** `ok`, or what is wrong. For readiness. */
  check(): Promise<string>
  /** Its version and the components that it has loaded. Throws where it does not say. */
  describe(): Promise<SidecarStatus>
  close(): Promise<void>
}

export interface SidecarOptions {
  readonly httpPort: number
  readonly apiToken?: string
  readonly app: AppId
  readonly logger: Logger
  readonly timeouts?: Partial<SidecarTimeouts>
}

export function createSidecar(options: SidecarOptions): Sidecar {
  const { httpPort: port, apiToken, app, logger } = options
  const timeouts: SidecarTimeouts = { ...sidecarTimeouts, ...options.timeouts }
  const publishing = openLine(port, { apiToken })
  const storing = openLine(port, { apiToken })
  const invoking = openLine(port, { apiToken })
  const binding = openLine(port, { apiToken, connections: 16 })
  const probing = openLine(port, { apiToken, connections: 2 })
  const secrets = createSecrets({ port, apiToken, timeoutMs: timeouts.secretMs })
  const health = createHealth({ line: probing, app, port, logger, timeoutMs: timeouts.healthMs })

  async function publishJson(topic: string, body: string, metadata = '', signal?: AbortSignal) {
    const path = `/v1.0/publish/${componentNames.pubsub}/${topic}?metadata.cloudevent.type=${topic}${metadata}`
    await publishing.callOrThrow({ method: 'POST', path, body, timeoutMs: timeouts.publishMs, signal })
  }

  return {
    state: createState(storing, timeouts),
    invoke: createInvoke(invoking, timeouts.invokeMs),
    publish: (event, data, { lane, signal } = {}) =>
      publishJson(
        event.topic,
        JSON.stringify(data),
        lane === undefined ? '' : `&metadata.partitionKey=${lane}`,
        signal,
      ),
    publishRaw: (topic, data) => publishJson(topic, JSON.stringify(data)),
    async output(name, data) {
      const body = JSON.stringify({ operation: 'create', data })
      const path = `/v1.0/bindings/${name}`
      await binding.callOrThrow({ method: 'POST', path, body, timeoutMs: timeouts.publishMs })
    },
    secret: secrets.get,
    waitUntilReady: health.waitUntilReady,
    brokerHasPartitions: health.hasPartitions,
    check: health.check,
    describe: health.describe,
    async close() {
      await Promise.all([publishing, storing, invoking, binding, probing].map((line) => line.close()))
      await secrets.close()
    },
  }
}
