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

/** Whoever looks within a second sees the same: everybody may look, as often as they like. */
const freshMs = 1_000

export function createStatus(options: HttpAppOptions, lag: Lag): () => Promise<ServiceStatus> {
  const startedAt = new Date(Date.now() - process.uptime() * 1_000).toISOString()
  const look = async (): Promise<ServiceStatus> => {
    const [now, sidecar] = await Promise.all([
      readinessNow(options),
      options.sidecar?.describe().catch(() => undefined),
    ])
    return { ...now, startedAt, ...(sidecar && { sidecar }), lag: lag.read() }
  }
  let last: { readonly at: number; readonly status: Promise<ServiceStatus> } | undefined
  return () => {
    const at = performance.now()
    if (last === undefined || at - last.at > freshMs) last = { at, status: look() }
    return last.status
  }
}
