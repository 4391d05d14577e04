import {
  internalReport,
  limits,
  presenceConnected,
  presenceDisconnected,
  presenceHeartbeat,
  type SessionId,
  type UserId,
} from '@parley/contracts'
import type { Clock, Logger, Sidecar } from '@parley/kit'

/**
 * Tells `presence` who is connected to this node. Events carry `(epoch, counter)` from when they happened, so they may
 * arrive in any order. Comings and goings are queued and tried until they are out, without ever holding up a socket;
 * heartbeats are not: the next one says the same.
 *
 * A broker may lose an event that it accepted, or hold it for half an hour, and a going that never arrives shows somebody
 * as there for ever. So each heartbeat also calls `presence` with what had happened by the heartbeat before and was in no
 * such call yet that was answered: the event is the quick way and mostly was there, the call is the sure one.
 */
export interface Reporter {
  connected(device: Device): void
  disconnected(device: Device): void
  /** Ends the node's lease at once; resolves when that was told, or could not be. */
  closing(): Promise<void>
  stop(): void
}

export interface Device {
  readonly userId: UserId
  readonly sessionId: SessionId
  readonly socketId: string
}

type Happening = Device & { readonly connected: boolean; readonly counter: number; readonly at: string }

const heartbeatMs = 5_000
/** Of each: what is to be published, and what is to be reported. */
const mostQueued = 20_000
const atOnce = 8
const retryMs = 500

export function createReporter(deps: {
  clock: Clock
  sidecar: Pick<Sidecar, 'publish' | 'invoke'>
  node: string
  logger: Logger
}): Reporter {
  const { clock, sidecar, node, logger } = deps
  const epoch = clock.now()
  const queue: (() => Promise<void>)[] = []
  /** Oldest first. */
  const unreported: Happening[] = []
  let reporting = false
  /** The counter at the last heartbeat. */
  let lastBeat = 0
  let counter = 0
  let publishing = 0
  let dropped = 0
  let closed = false
  let heartbeat = clock.setTimeout(beat, 0)
  let retry: { cancel(): void } | undefined

  const stamp = () => ({ node, epoch, counter: ++counter, at: new Date(clock.now()).toISOString() })

  function beat(): void {
    heartbeat = clock.setTimeout(beat, heartbeatMs)
    sidecar.publish(presenceHeartbeat, { ...stamp(), closing: false }).catch((error) => {
      logger.warn({ err: error }, 'a heartbeat was not published')
    })
    void reportAll(lastBeat)
    lastBeat = counter
  }

  async function report(closing: boolean, until: number): Promise<void> {
    const devices = unreported.slice(0, limits.reportedDevices).filter((one) => one.counter <= until)
    await sidecar.invoke(internalReport, { body: { ...stamp(), closing, devices } })
    const last = devices.at(-1)?.counter ?? 0
    const next = unreported.findIndex((one) => one.counter > last)
    unreported.splice(0, next < 0 ? unreported.length : next)
  }

  async function reportAll(until: number): Promise<void> {
    if (reporting) return
    reporting = true
    const isDue = () => (unreported[0]?.counter ?? Number.POSITIVE_INFINITY) <= until
    try {
      do await report(false, until)
      while (isDue() && !closed)
    } catch (error) {
      logger.warn({ err: error }, 'presence did not take a report')
    }
    reporting = false
  }

  /** The event, and a place in the next report. */
  function tell(event: typeof presenceConnected | typeof presenceDisconnected, device: Device): void {
    if (closed) return
    const { counter, at } = stamp()
    const { userId, sessionId, socketId } = device
    makeRoom(unreported)
    unreported.push({ connected: event === presenceConnected, counter, at, userId, sessionId, socketId })
    const data = { node, epoch, counter, at, userId, sessionId, socketId }
    enqueue(() => sidecar.publish(event, data))
  }

  function makeRoom(list: unknown[]): void {
    if (list.length < mostQueued) return
    list.shift()
    dropped += 1
    // Once per full list's worth: a line each would be an outage of its own.
    if (dropped % mostQueued === 1) logger.error({ dropped }, 'presence is not told of all that happens here')
  }

  function enqueue(publish: () => Promise<void>): void {
    makeRoom(queue)
    queue.push(publish)
    drain()
  }

  function drain(): void {
    while (publishing < atOnce && !retry) {
      const publish = queue.shift()
      if (!publish) return
      publishing += 1
      publish()
        .catch(() => {
          if (closed) return
          queue.unshift(publish)
          retry ??= clock.setTimeout(() => {
            retry = undefined
            drain()
          }, retryMs)
        })
        .finally(() => {
          publishing -= 1
          drain()
        })
    }
  }

  function stop(): void {
    closed = true
    heartbeat.cancel()
    retry?.cancel()
    queue.length = 0
  }

  return {
    stop,
    connected: (device) => tell(presenceConnected, device),
    disconnected: (device) => tell(presenceDisconnected, device),
    async closing() {
      stop()
      // All that it would report ends with the node's epoch.
      unreported.length = 0
      const told = [sidecar.publish(presenceHeartbeat, { ...stamp(), closing: true }), report(true, 0)]
      const failed = (await Promise.allSettled(told)).every(({ status }) => status === 'rejected')
      if (failed) logger.warn('nobody could be told that this node closes: its lease will lapse')
    },
  }
}
