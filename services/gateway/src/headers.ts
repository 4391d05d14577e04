/** The headers of what the gateway serves itself, and of everything that passes through it. */

/** Stands for the `Host` of the request where it is a well-formed one. */
export const hostPlaceholder = '{host}'
export const wellFormedHost = '^[A-Za-z0-9._-]+(?::[0-9]{1,5})?$|^\\[[0-9a-fA-F:.]+\\](?::[0-9]{1,5})?$'

const policy = (directives: Readonly<Record<string, string>>): string =>
  Object.entries(directives)
    .map(([name, value]) => `${name} ${value}`)
    .join('; ')

const nothing = { 'default-src': "'none'", 'base-uri': "'none'", 'frame-ancestors': "'none'" }

export const contentSecurityPolicies = {
  /** Answers of an API and files of data are never a page. */
  data: policy(nothing),
  /** `'self'` does not cover ws: in every browser (Safari before 15.4), so the own host is named. */
  web: policy({
    ...nothing,
    'script-src': "'self'",
    'style-src': "'self'",
    'img-src': "'self' data: blob:",
    'font-src': "'self'",
    'media-src': "'self' blob:",
    'manifest-src': "'self'",
    'worker-src': "'self'",
    'connect-src': `'self' ws://${hostPlaceholder} wss://${hostPlaceholder}`,
    'form-action': "'self'",
  }),
  /** Swagger UI sets styles in place and shows its icons as data. */
  docs: policy({
    ...nothing,
    'script-src': "'self'",
    'style-src': "'self' 'unsafe-inline'",
    'img-src': "'self' data:",
    'connect-src': "'self'",
    'form-action': "'self'",
  }),
} as const
export type Page = keyof typeof contentSecurityPolicies

/** On every answer. HSTS only where we know of TLS: elsewhere it would lock people out of http://localhost. */
export function securityHeaders(page: Page, tls: boolean): Readonly<Record<string, string>> {
  return {
    'Content-Security-Policy': contentSecurityPolicies[page],
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    ...(tls ? { 'Strict-Transport-Security': 'max-age=31536000; includeSubDomains' } : {}),
  }
}

export const cacheControl = {
  /** Vite puts a hash of the content into the names under /assets/. */
  hashed: 'public, max-age=31536000, immutable',
  revalidate: 'no-cache',
  /** Answers of an API that say nothing about it themselves: they hold tokens and what people wrote. */
  never: 'no-store',
} as const
