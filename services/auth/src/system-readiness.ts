import { type AppId, appIds, type Readiness, readinessOf, type systemReadiness } from '@parley/contracts'
import { ChatError, type Sidecar } from '@parley/kit'
import type { z } from 'zod'

const timeoutMs = 2_000

/** Every app with a process of its own. Behind the gateway's sidecar there is none: whoever asks came through it. */
const asked = appIds.filter((app) => app !== 'auth' && app !== 'gateway')

/** All at once, so the slowest decides, and a dead one costs its 2 s only. */
export function createSystemReadiness(deps: { sidecar: Sidecar; own: () => Promise<Readiness> }) {
  async function ask(app: AppId): Promise<Readiness> {
    try {
      return await deps.sidecar.invoke(readinessOf(app), {}, { timeoutMs })
    } catch (error) {
      const reason = error instanceof ChatError ? error.code : 'internal'
      return { ready: false, app, version: '', checks: { reachable: `no answer from ${app}: ${reason}` } }
    }
  }

  return async (): Promise<z.output<typeof systemReadiness>> => {
    const all = await Promise.all([deps.own(), ...asked.map(ask)])
    return {
      ready: all.every(({ ready }) => ready),
      services: Object.fromEntries(all.map((one) => [one.app, one])),
    }
  }
}
