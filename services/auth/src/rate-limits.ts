import { isIPv6 } from 'node:net'
import { limits } from '@parley/contracts'
import { ChatError } from '@parley/kit'
import { type IRateLimiterOptions, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { normalizeName } from './names.ts'

/**
 * Counted in the memory of each replica: a limit against guessing needs no exact sum over replicas, and a shared
 * counter would be one more store that logging in depends on.
 *
 * The address is what the gateway saw. It is believed because nobody else gets here: the app listens on loopback or
 * asks for the sidecar's token, and the gateway overwrites a forwarded header that a client sends.
 */
export interface RateLimits {
  /** By account *and* address: by account alone anyone could lock anyone out. */
  login(username: string, ip: string): Promise<void>
  registration(ip: string): Promise<void>
}

/** One home has 2^64 IPv6 addresses: they count as one. */
export function addressOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)
  if (mapped?.[1]) return mapped[1]
  const [head = '', tail] = (ip.split('%')[0] ?? '').split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0')
  const groups = [...left, ...zeros, ...right].slice(0, 4)
  return `${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}

export function createRateLimits(enabled: boolean): RateLimits {
  if (!enabled) return { login: async () => {}, registration: async () => {} }
  const perMinute = (points: number): IRateLimiterOptions => ({ points, duration: 60 })
  const logins = new RateLimiterMemory(perMinute(limits.loginsPerMinute))
  const registrations = new RateLimiterMemory(perMinute(limits.registrationsPerMinute))

  async function take(limiter: RateLimiterMemory, key: string, what: string): Promise<void> {
    try {
      await limiter.consume(key)
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal
      throw new ChatError('rate_limited', {
        detail: `at most ${limiter.points} ${what} a minute`,
        retryAfterMs: refusal.msBeforeNext,
      })
    }
  }
  return {
    login: (username, ip) => take(logins, `${addressOf(ip)} ${normalizeName(username)}`, 'logins'),
    registration: (ip) => take(registrations, addressOf(ip), 'registrations'),
  }
}
