/** What came of one attempt to push. */
export type Attempt =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterMs?: number | undefined }
  /** No answer in time, or no connection. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** We do not talk to this address. */
  | { readonly kind: 'refused'; readonly reason: string }

export type Verdict =
  | { readonly kind: 'sent' }
  | { readonly kind: 'again'; readonly at: number }
  /** `gone`: the subscription is over and is removed. */
  | { readonly kind: 'ended'; readonly reason: string; readonly gone: boolean }

export const maxAttempts = 5
const firstPauseMs = 2_000

/** `attempts` counts this one. `random` in [0, 1) spreads what failed together. */
export function judge(
  attempt: Attempt,
  {
    attempts,
    validUntil,
    now,
    random,
  }: { attempts: number; validUntil: number; now: number; random: number },
): Verdict {
  if (attempt.kind === 'refused') return { kind: 'ended', reason: attempt.reason, gone: false }
  if (attempt.kind === 'answered') {
    const { status } = attempt
    if (status >= 200 && status < 300) return { kind: 'sent' }
    if (status === 404 || status === 410) return { kind: 'ended', reason: `answered ${status}`, gone: true }
    if (status !== 429 && status < 500) return { kind: 'ended', reason: `answered ${status}`, gone: false }
  }
  const why = attempt.kind === 'answered' ? `answered ${attempt.status}` : attempt.reason
  const backOff = firstPauseMs * 4 ** (attempts - 1) * (0.75 + random / 2)
  const asked = attempt.kind === 'answered' ? (attempt.retryAfterMs ?? 0) : 0
  const at = now + Math.max(backOff, asked)
  if (attempts >= maxAttempts || at >= validUntil)
    return { kind: 'ended', reason: `gave up: ${why}`, gone: false }
  return { kind: 'again', at }
}

/** The header `Retry-After`: seconds, or a date. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined
  if (/^\d+$/.test(header.trim())) return Number(header) * 1_000
  const date = header.trim().endsWith('GMT') ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
