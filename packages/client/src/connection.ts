import type { ChatSocket, Clock, OpenSocket } from './ports.ts'

/**
 * The life of the connection. *idle* → *connecting* → *online* → *waiting* (until `retryAt`) → *connecting* …, and
 * *ended* when the session is over. Online begins with the server's `ready`. Reconnection is jittered over its whole
 * pause, so that the clients of a node that died do not come back together.
 */
export type ConnectionState =
  | { readonly status: 'idle' }
  | { readonly status: 'connecting'; readonly attempt: number }
  | { readonly status: 'online' }
  /** `retryAt`: milliseconds since 1970. */
  | { readonly status: 'waiting'; readonly attempt: number; readonly retryAt: number }
  | { readonly status: 'ended'; readonly reason: string }

const firstPauseMs = 1_000
const longestPauseMs = 20_000
const readyTimeoutMs = 15_000
/** A connection that did not last this long counts as another failed attempt. */
const settledMs = 1_000

/** Milliseconds to wait before attempt n (from 1); 0 ≤ random < 1. */
export function reconnectPause(attempt: number, random: number): number {
  const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** (attempt - 1))
  return Math.round(50 + random * longest)
}

export interface Connection {
  state(): ConnectionState
  connect(): void
  disconnect(): void
  end(reason: string): void
  /** The network is back: try at once. */
  nudge(): void
  /** The network is gone, says the platform: do not wait for a time-out to notice. */
  drop(): void
}

export function createConnection(deps: {
  open: OpenSocket
  accessToken(options: { instead?: string }): Promise<string>
  clock: Clock
  random(): number
  onState(state: ConnectionState): void
  onUp(socket: ChatSocket): void
  onDown(): void
  onEvent(name: string, payload: unknown): void
  onRefused(code: string | undefined, message: string): void
  /** Whether the failure to get a token is final. */
  isFinal(error: unknown): boolean
}): Connection {
  let state: ConnectionState = { status: 'idle' }
  let socket: ChatSocket | undefined
  let timer: { cancel(): void } | undefined
  let attempt = 0
  let onlineSince = 0
  let drainUntil: number | undefined
  let refusedToken: string | undefined
  /** Outdates what an earlier connection still has under way. */
  let generation = 0

  function become(next: ConnectionState): void {
    const was = state
    state = next
    if (was.status === 'online' && next.status !== 'online') deps.onDown()
    deps.onState(next)
  }

  function leave(): void {
    generation++
    timer?.cancel()
    timer = undefined
    socket?.close()
    socket = undefined
  }

  function wait(ms?: number): void {
    leave()
    const lived = state.status === 'online' ? deps.clock.monotonic() - onlineSince : 0
    attempt = lived >= settledMs ? 1 : attempt + 1
    const planned = drainUntil === undefined ? undefined : Math.max(0, drainUntil - deps.clock.monotonic())
    const pause = ms ?? planned ?? reconnectPause(attempt, deps.random())
    become({ status: 'waiting', attempt, retryAt: deps.clock.now() + pause })
    timer = deps.clock.setTimeout(() => void dial(), pause)
  }

  async function dial(): Promise<void> {
    leave()
    drainUntil = undefined
    const mine = generation
    const current = () => mine === generation
    become({ status: 'connecting', attempt })
    let token: string
    try {
      const instead = refusedToken
      token = await deps.accessToken(instead === undefined ? {} : { instead })
    } catch (error) {
      if (!current()) return
      if (deps.isFinal(error)) return finish('signed_out')
      return wait()
    }
    if (!current()) return
    timer = deps.clock.setTimeout(() => current() && wait(), readyTimeoutMs)
    socket = deps.open(token, {
      connected: () => undefined,
      event(name, payload) {
        if (!current()) return
        if (name === 'ready') up()
        if (name === 'draining') drain(payload)
        deps.onEvent(name, payload)
      },
      refused(code, message) {
        if (!current()) return
        deps.onRefused(code, message)
        if (!current()) return
        if (code === 'session_revoked') return finish(code)
        const stale = code === 'token_expired' || code === 'token_invalid'
        // Once at once with a fresh token; a server that refuses that one too is waited for.
        if (stale && refusedToken === undefined) {
          refusedToken = token
          return wait(0)
        }
        if (stale) refusedToken = token
        wait()
      },
      closed() {
        if (current()) wait()
      },
    })
  }

  function up(): void {
    if (!socket || state.status === 'online') return
    timer?.cancel()
    timer = undefined
    refusedToken = undefined
    onlineSince = deps.clock.monotonic()
    become({ status: 'online' })
    deps.onUp(socket)
  }

  /** The node goes down. The socket is used as long as it lives; the next one opens after the pause, with jitter. */
  function drain(payload: unknown): void {
    const retryAfterMs = Number((payload as { retryAfterMs?: unknown } | null)?.retryAfterMs)
    if (!(retryAfterMs >= 0) || state.status !== 'online') return
    const pause = Math.round(retryAfterMs * (1 + deps.random()))
    drainUntil = deps.clock.monotonic() + pause
    timer?.cancel()
    timer = deps.clock.setTimeout(() => void dial(), pause)
  }

  function finish(reason: string): void {
    leave()
    become({ status: 'ended', reason })
  }

  return {
    state: () => state,
    connect() {
      if (state.status !== 'idle' && state.status !== 'ended') return
      attempt = 0
      refusedToken = undefined
      void dial()
    },
    disconnect() {
      leave()
      attempt = 0
      if (state.status !== 'idle') become({ status: 'idle' })
    },
    end: finish,
    nudge() {
      if (state.status === 'waiting' && drainUntil === undefined) void dial()
    },
    drop() {
      if (state.status === 'online' || state.status === 'connecting') wait()
    },
  }
}
