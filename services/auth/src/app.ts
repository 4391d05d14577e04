import {
  type Clock,
  createHttpApp,
  createMetrics,
  createTokenVerifier,
  type DocumentStore,
  type Logger,
  type Metrics,
  type Sidecar,
  watchedStore,
} from '@parley/kit'
import { createAccounts } from './accounts.ts'
import { createAnnouncer } from './announcer.ts'
import { createSigningKeys } from './keys.ts'
import { createPasswords, type Passwords } from './passwords.ts'
import { createRateLimits } from './rate-limits.ts'
import { mountAccountRoutes, mountTrustRoutes, mountUserRoutes } from './routes.ts'
import { createUserIndex } from './search/user-index.ts'
import { createSessions } from './sessions.ts'
import { createSystemReadiness } from './system-readiness.ts'
import { createUsers } from './users.ts'

export interface AuthDeps {
  readonly store: DocumentStore
  readonly sidecar: Sidecar
  readonly logger: Logger
  readonly clock: Clock
  readonly version: string
  readonly rateLimits: boolean
  readonly appApiToken?: string | undefined
  readonly passwords?: Passwords
  readonly draining?: () => boolean
  readonly metrics?: Metrics
}

export type AuthParts = ReturnType<typeof createParts>

function createParts(deps: AuthDeps) {
  const { store, sidecar, logger, clock, version } = deps
  const announcer = createAnnouncer({ sidecar, clock, logger })
  const index = createUserIndex({ store, clock })
  const keys = createSigningKeys({ store, clock })
  const sessions = createSessions({ store, clock, announcer })
  const passwords = deps.passwords ?? createPasswords()
  const accounts = createAccounts({ store, clock, logger, passwords, sessions, index, announcer })
  const checks = async (): Promise<Record<string, string>> => ({
    sidecar: await sidecar.check(),
    'auth-store': await keys.jwks().then(
      () => 'ok',
      () => 'the signing keys cannot be read',
    ),
  })
  const own = async () => {
    const now = await checks()
    const ready = Object.values(now).every((check) => check === 'ok') && deps.draining?.() !== true
    return { ready, app: 'auth', version, checks: now }
  }
  return {
    accounts,
    announcer,
    checks,
    clock,
    keys,
    rates: createRateLimits(deps.rateLimits),
    sessions,
    systemReadiness: createSystemReadiness({ sidecar, own }),
    users: createUsers({ store, index }),
    verifyToken: createTokenVerifier({ jwks: () => keys.jwks(), clock }),
  }
}

/** Wires auth; listens to nothing. `ready` makes sure that there is a key to sign with. */
export function createAuthApp(deps: AuthDeps) {
  const { logger, version, appApiToken, draining } = deps
  const { metrics = createMetrics('auth') } = deps
  const parts = createParts({ ...deps, store: watchedStore(deps.store, metrics) })
  if (!deps.rateLimits) logger.warn('PARLEY_RATE_LIMITS=off: logins and registrations are not limited')
  const http = createHttpApp(
    {
      app: 'auth',
      version,
      logger,
      metrics,
      sidecar: deps.sidecar,
      verifyToken: parts.verifyToken,
      readiness: parts.checks,
      ...(appApiToken === undefined ? {} : { appApiToken }),
      ...(draining === undefined ? {} : { draining }),
    },
    (app) => {
      mountAccountRoutes(app, parts)
      mountUserRoutes(app, parts)
      mountTrustRoutes(app, parts)
    },
  )
  return {
    http,
    ready: async (): Promise<void> => void (await parts.keys.active()),
    close: () => parts.announcer.close(),
  }
}
