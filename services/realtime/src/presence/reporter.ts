import {
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

const heartbeatMs = 5_000
const mostQueued = 20_000
const atOnce = 8
const retryMs = 500

export function createReporter(deps: {
  clock: Clock
  sidecar: Pick<Sidecar, 'publish'>
  node: string
  logger: Logger
}): Reporter {
  const { clock, sidecar, node, logger } = deps
  const epoch = clock.now()
  const queue: (() => Promise<void>)[] = []
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
  }

  function enqueue(publish: () => Promise<void>): void {
    if (closed) return
    if (queue.length >= mostQueued) {
      queue.shift()
      dropped += 1
      // Once per full queue's worth: a line each would be an outage of its own.
      if (dropped % mostQueued === 1)
        logger.error({ dropped }, 'presence events are dropped: nothing is published')
    }
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
    connected(device) {
      const data = { ...stamp(), ...device }
      enqueue(() => sidecar.publish(presenceConnected, data))
    },
    disconnected(device) {
      const data = { ...stamp(), ...device }
      enqueue(() => sidecar.publish(presenceDisconnected, data))
    },
    async closing() {
      stop()
      await sidecar.publish(presenceHeartbeat, { ...stamp(), closing: true }).catch((error) => {
        logger.warn({ err: error }, 'that this node closes was not published: its lease will lapse')
      })
    },
  }
}
