// What measurements are printed as.

/**
 * @param {readonly number[]} values
 * @param {number} share 0 … 1
 * @returns {number} the smallest value that this share of all does not exceed; NaN of nothing
 */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN
}

/** @param {number} ms */
export function milliseconds(ms) {
  if (!Number.isFinite(ms)) return '–'
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
}

/** @param {number} count */
export const grouped = (count) => count.toLocaleString('en-US')
