import { transport } from '@parley/contracts'

export interface Timeouts {
  /** Headers and body of a request. */
  readonly requestSeconds: number
  readonly keepAliveSeconds: number
  readonly connectSeconds: number
  readonly answerSeconds: number
  /** No new try after so long. */
  readonly triesSeconds: number
  readonly socketIdleSeconds: number
  /** For requests that are being served when the gateway stops. Open WebSockets make use of all of it. */
  readonly drainSeconds: number
}

export const timeouts: Timeouts = {
  requestSeconds: 15,
  keepAliveSeconds: 65,
  connectSeconds: 3,
  // A message is answered within 30 s, if only by `unavailable`.
  answerSeconds: 40,
  // daprd itself tries for 3 s to reach a replica that does not answer its call.
  triesSeconds: 15,
  // What is silent for so long although the server asks is dead.
  socketIdleSeconds: (2 * (transport.pingIntervalMs + transport.pingTimeoutMs)) / 1000,
  drainSeconds: 3,
}
