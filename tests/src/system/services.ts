import { createAuthApp } from '@parley/auth'
import { componentNames, getJwks } from '@parley/contracts'
import { createNodeProxy, timeouts } from '@parley/gateway'
import { createTokenVerifier, daprDocumentStore, type Sidecar, systemClock } from '@parley/kit'
import { createMessagesApp } from '@parley/messages'
import { createNotificationsApp, createTransport } from '@parley/notifications'
import { createPresenceApp } from '@parley/presence'
import { connectRedis, createRealtimeApp, type RealtimeDeps } from '@parley/realtime/app'
import { type CreateParts, daprApiToken } from './service.ts'

/** Each service as its `main.ts` makes it, but for the configuration. */
export interface Settings {
  readonly rateLimits: boolean
  readonly batches?: RealtimeDeps['batches']
  /** Of the push services that are trusted beside the public ones. */
  readonly ca?: string | undefined
}

const version = 'test'
const clock = systemClock
const verifierOf = (sidecar: Sidecar) => createTokenVerifier({ clock, jwks: () => sidecar.invoke(getJwks) })
const storeOf = (sidecar: Sidecar, component: string) => daprDocumentStore({ sidecar, component, clock })

export const auth =
  ({ rateLimits }: Settings): CreateParts =>
  ({ sidecar, logger, appApiToken, metrics }) => {
    const store = storeOf(sidecar, componentNames.stores.auth)
    const app = createAuthApp({
      ...{ store, sidecar, logger, clock, version, rateLimits, appApiToken, metrics },
    })
    return { listener: app.http, ready: app.ready, close: app.close }
  }

export const messages =
  ({ rateLimits }: Settings): CreateParts =>
  ({ sidecar, logger, appApiToken, metrics }) => {
    const store = storeOf(sidecar, componentNames.stores.messages)
    const verifyToken = verifierOf(sidecar)
    const app = createMessagesApp({
      ...{ store, sidecar, logger, clock, version, rateLimits, appApiToken, metrics, verifyToken },
    })
    return { listener: app.http, ready: async () => app.start(), close: app.drain }
  }

export const presence: CreateParts = ({ sidecar, logger, appApiToken, metrics }) => {
  const store = storeOf(sidecar, componentNames.stores.presence)
  const verifyToken = verifierOf(sidecar)
  const app = createPresenceApp({
    ...{ store, sidecar, logger, clock, version, appApiToken, metrics, verifyToken },
  })
  return { listener: app.http, ready: async () => app.start(), close: app.stop }
}

export const notifications =
  ({ ca }: Settings): CreateParts =>
  ({ sidecar, logger, appApiToken, metrics }) => {
    const store = storeOf(sidecar, componentNames.stores.notifications)
    const verifyToken = verifierOf(sidecar)
    const rules = { allowLoopback: true }
    const transport = createTransport({ ...rules, clock, ca })
    const contact = 'mailto:push@parley.example'
    const app = createNotificationsApp({
      ...{
        store,
        sidecar,
        logger,
        clock,
        version,
        appApiToken,
        metrics,
        verifyToken,
        transport,
        rules,
        contact,
      },
    })
    return {
      listener: app.http,
      async ready() {
        await app.ready()
        app.start()
      },
      async close() {
        await app.stop()
        transport.close()
      },
    }
  }

export const realtime =
  ({ rateLimits, batches = {} }: Settings, node: string, redisUrl: string | undefined): CreateParts =>
  ({ sidecar, logger, appApiToken, metrics }) => {
    const redis = redisUrl === undefined ? undefined : connectRedis(redisUrl, logger)
    const origins: string[] = []
    const app = createRealtimeApp({
      ...{ sidecar, logger, clock, version, node, rateLimits, origins, redis, appApiToken, metrics, batches },
    })
    return { listener: app.http, attach: app.attach, drain: app.drain, close: app.close }
  }

export const gateway =
  (realtimePort: number): CreateParts =>
  ({ logger, sidecarPort }) => {
    const settings = {
      port: 0,
      bind: '127.0.0.1',
      sidecarPort,
      sidecarToken: daprApiToken,
      realtime: [`127.0.0.1:${realtimePort}`],
      webRoot: '/nowhere',
      docsRoot: '/nowhere',
      status: false,
      traceRatio: 0,
      // Everybody in a test comes from one address.
      rates: undefined,
      timeouts,
      tls: undefined,
    }
    const proxy = createNodeProxy(settings, logger)
    return { server: proxy.server, close: proxy.endSockets }
  }
