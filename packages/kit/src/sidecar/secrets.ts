import type { DaprClient } from '@dapr/dapr'
import { componentNames } from '@parley/contracts'
import { within } from '../deadline.ts'
import { ChatError } from '../errors.ts'

/** The SDK's part, loaded at the first secret: see `daprd.ts`. */
export function createSecrets(options: { port: number; apiToken?: string | undefined; timeoutMs: number }) {
  const { port, apiToken, timeoutMs } = options
  let client: Promise<DaprClient> | undefined

  async function connect(): Promise<DaprClient> {
    const { DaprClient, LogLevel } = await import('@dapr/dapr')
    return new DaprClient({
      daprHost: '127.0.0.1',
      daprPort: String(port),
      ...(apiToken === undefined ? {} : { daprApiToken: apiToken }),
      logger: { level: LogLevel.Error },
    })
  }

  return {
    async get(name: string): Promise<string | undefined> {
      client ??= connect()
      const { secret } = await client
      try {
        const secrets = await within(timeoutMs, secret.get(componentNames.secrets, encodeURIComponent(name)))
        return (secrets as Record<string, string>)[name]
      } catch (cause) {
        // The local file store answers 500 for a name that it does not have, as daprd does for every other failure.
        if (/secret .*not found|ERR_SECRET_NOT_FOUND/i.test(String(cause))) return undefined
        throw new ChatError('unavailable', { cause })
      }
    },
    async close(): Promise<void> {
      if (client) await (await client).stop()
    },
  }
}
