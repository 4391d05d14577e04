/** Names of days stand in English sentences; the clock is that of the person. */
export function chooseLocale(preferred: string): string {
  return /^en\b/.test(preferred) ? preferred : 'en-GB'
}

const minuteMs = 60_000
const hourMs = 60 * minuteMs

/** The local day, for comparing. */
export const dayOf = (at: number): string => new Date(at).toDateString()

const daysBetween = (earlier: number, later: number): number => {
  const midnight = (at: number) => new Date(at).setHours(0, 0, 0, 0)
  return Math.round((midnight(later) - midnight(earlier)) / (24 * hourMs))
}

/** Built once: a formatter is costly to make. */
const formatters = new Map<string, Intl.DateTimeFormat>()
function format(at: number, locale: string, options: Intl.DateTimeFormatOptions): string {
  const key = `${locale} ${JSON.stringify(options)}`
  const formatter = formatters.get(key) ?? new Intl.DateTimeFormat(locale, options)
  formatters.set(key, formatter)
  return formatter.format(at)
}

export const clock = (at: number, locale: string): string => format(at, locale, { timeStyle: 'short' })

export const fullTime = (at: number, locale: string): string =>
  format(at, locale, { dateStyle: 'full', timeStyle: 'short' })

const date = (at: number, now: number, locale: string): string => {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear()
  return format(at, locale, { day: 'numeric', month: 'short', ...(!sameYear && { year: 'numeric' }) })
}

/** Between the messages of two days. */
export function dayName(at: number, now: number, locale: string): string {
  const days = daysBetween(at, now)
  if (days <= 0) return 'Today'
  if (days === 1) return 'Yesterday'
  const weekday = format(at, locale, { weekday: 'long' })
  return days < 7 ? weekday : `${weekday}, ${date(at, now, locale)}`
}

/** In the list of conversations: as short as it can be. */
export function shortTime(at: number, now: number, locale: string): string {
  const days = daysBetween(at, now)
  if (days <= 0) return clock(at, locale)
  if (days === 1) return 'Yesterday'
  return days < 7 ? format(at, locale, { weekday: 'short' }) : date(at, now, locale)
}

export function lastSeen(at: number, now: number, locale: string): string {
  const ago = now - at
  if (ago < minuteMs) return 'last seen just now'
  if (ago < hourMs) return `last seen ${Math.floor(ago / minuteMs)} min ago`
  const days = daysBetween(at, now)
  const time = clock(at, locale)
  if (days === 0) return `last seen today at ${time}`
  if (days === 1) return `last seen yesterday at ${time}`
  return days < 7
    ? `last seen ${format(at, locale, { weekday: 'long' })} at ${time}`
    : `last seen on ${date(at, now, locale)}`
}
