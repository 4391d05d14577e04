import type { Readiness, ServiceStatus } from '@parley/contracts'
import type { HttpAppOptions } from './app.ts'
import type { Lag } from './lag.ts'

/** Never rejects. */
export async function readinessNow(options: HttpAppOptions): Promise<Readiness> {
  const { app, version } = options
  let checks: Record<string, string>
  try {
    checks = await options.readiness()
  } catch (error) {
    options.logger.warn({ err: error }, 'the readiness check failed')
    checks = { readiness: 'failed' }
  }
  if (options.draining?.()) checks = { ...checks, lifecycle: 'draining' }
  return { ready: Object.values(checks).every((check) => check === 'ok'), app, version, checks }
}

/** Whoever looks meanwhile, or within a second, sees the same: everybody may look, as often as they like. */
const freshMs = 1_000

export function createStatus(
  options: HttpAppOptions,
  lag: Lag,
  now: () => number = () => performance.now(),
): () => Promise<ServiceStatus> {
  const startedAt = new Date(Date.now() - process.uptime() * 1_000).toISOString()
  const look = async (): Promise<ServiceStatus> => {
    const [readiness, sidecar] = await Promise.all([
      readinessNow(options),
      options.sidecar?.describe().catch(() => undefined),
    ])
    return { ...readiness, startedAt, ...(sidecar && { sidecar }), lag: lag.read() }
  }
  let last: Promise<ServiceStatus> | undefined
  let goodUntil = Number.POSITIVE_INFINITY
  return () => {
    if (last === undefined || now() > goodUntil) {
      goodUntil = Number.POSITIVE_INFINITY
      last = look().finally(() => {
        goodUntil = now() + freshMs
      })
    }
    return last
  }
}
