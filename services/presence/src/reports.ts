import type { BodyOf, internalReport } from '@parley/contracts'
import { ChatError, type Logger } from '@parley/kit'
import pLimit from 'p-limit'
import type { NodeTable } from './node-table.ts'
import type { People, TimedDevice } from './people.ts'

type Reported = TimedDevice & { readonly connected: boolean }

/** What others have to do meanwhile comes first: a report repeats, and mostly says nothing new. */
const peopleAtOnce = 16

export interface ReportDeps {
  readonly people: People
  readonly nodes: NodeTable
  readonly logger: Logger
}

/**
 * Takes in what a node reports. Throws where something may still come of it: then the node says it all again. What can never
 * be noted is left behind with a line in the log, for it must not keep back what comes after it.
 */
export function createReports({ people, nodes, logger }: ReportDeps) {
  return async ({ node, epoch, counter, closing, at, devices }: BodyOf<typeof internalReport>) => {
    await nodes.renew(node, { epoch, counter, closing, at: Date.parse(at) })
    const timed = devices.map((device) => ({ ...device, node, epoch, at: Date.parse(device.at) }))
    const limit = pLimit(peopleAtOnce)
    const groups = byPerson(await people.unsettled(timed))
    const results = await Promise.allSettled(groups.map((own) => limit(() => takeInOrder(own))))
    for (const result of results) {
      if (result.status === 'fulfilled') continue
      if (!(result.reason instanceof ChatError) || result.reason.code !== 'internal') throw result.reason
      logger.error({ err: result.reason }, 'what a node reports of a person cannot be noted')
    }
  }

  async function takeInOrder(devices: readonly Reported[]): Promise<void> {
    for (const device of devices)
      await (device.connected ? people.connected(device) : people.disconnected(device))
  }
}

/** In the order of their counters: an old going raises the floor below which no coming counts. */
function byPerson(devices: readonly Reported[]): Reported[][] {
  const groups = new Map<string, Reported[]>()
  for (const device of [...devices].sort((a, b) => a.counter - b.counter))
    groups.set(device.userId, [...(groups.get(device.userId) ?? []), device])
  return [...groups.values()]
}
