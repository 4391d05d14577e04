export interface Rate {
  readonly perSecond: number
  readonly burst: number
}

/** Tokens as they were at a time; they grow with it. */
export interface Bucket {
  readonly tokens: number
  readonly at: number
}

export const fullBucket = (rate: Rate, now: number): Bucket => ({ tokens: rate.burst, at: now })

export function refill(bucket: Bucket, rate: Rate, now: number): Bucket {
  // A clock that was set back gives nothing and takes nothing.
  const grown = (Math.max(0, now - bucket.at) / 1000) * rate.perSecond
  return { tokens: Math.min(rate.burst, bucket.tokens + grown), at: now }
}

/** Takes a token, or says how long until there is one. */
export function takeToken(
  bucket: Bucket,
  rate: Rate,
  now: number,
): { readonly bucket: Bucket; readonly waitMs: number } {
  const filled = refill(bucket, rate, now)
  // Sums of fractions may miss a whole token by a hair.
  if (filled.tokens >= 1 - 1e-9)
    return { bucket: { ...filled, tokens: Math.max(0, filled.tokens - 1) }, waitMs: 0 }
  return { bucket: filled, waitMs: Math.ceil(((1 - filled.tokens) / rate.perSecond) * 1000) }
}
