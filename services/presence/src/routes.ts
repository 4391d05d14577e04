import {
  getPresence,
  internalAcquaintances,
  internalOnline,
  internalReport,
  internalVisibility,
  internalWatch,
  type Presence,
  setPresence,
  type UserId,
} from '@parley/contracts'
import { type HttpApp, handle, type Sidecar } from '@parley/kit'
import type { People } from './people.ts'
import type { createReports } from './reports.ts'

export interface RouteDeps {
  readonly people: People
  readonly report: ReturnType<typeof createReports>
  readonly sidecar: Pick<Sidecar, 'invoke'>
}

export function registerRoutes(http: HttpApp, { people, report, sidecar }: RouteDeps): void {
  /** Those whom this person may see: who shares a conversation, and the person as the others see them. */
  async function look(
    userId: UserId,
    userIds: readonly UserId[],
    signal: AbortSignal,
  ): Promise<{ items: Presence[] }> {
    const asked = [...new Set(userIds)]
    const others = asked.filter((id) => id !== userId)
    const shared =
      others.length === 0
        ? []
        : (await sidecar.invoke(internalAcquaintances, { body: { userId, userIds: others } }, { signal }))
            .userIds
    const seen = new Set([userId, ...shared])
    return { items: await people.look(asked.filter((id) => seen.has(id))) }
  }

  handle(http, getPresence, async ({ caller, query, signal }) => ({
    status: 200,
    body: await look(caller.userId, query.userIds, signal),
  }))
  handle(http, setPresence, async ({ caller, body }) => {
    await people.choose(caller.userId, body)
    return { status: 204 }
  })
  handle(http, internalWatch, async ({ body, signal }) => ({
    status: 200,
    body: await look(body.userId, body.userIds, signal),
  }))
  handle(http, internalVisibility, async ({ body }) => ({
    status: 200,
    body: await people.visibility(body.userId),
  }))
  handle(http, internalReport, async ({ body }) => {
    await report(body)
    return { status: 204 }
  })
  handle(http, internalOnline, async ({ body }) => ({
    status: 200,
    body: { userIds: await people.online([...new Set(body.userIds)]) },
  }))
}
