/** What may be sent again. */
import { routes } from '@parley/contracts'
import { z } from 'zod'

const isNamed = (body: unknown): boolean =>
  body instanceof z.ZodObject &&
  'clientId' in body.shape &&
  !z.safeParse(body.shape.clientId, undefined).success

/**
 * `METHOD target` of what has the same outcome however often it arrives: reads, what sets a state, and what cannot come
 * without a `clientId`. Where no app was reached, or nobody knows, the gateway asks again.
 */
export const repeatable = [
  '^(?:GET|HEAD|PUT) ',
  ...routes
    .filter(({ access, body }) => !Array.isArray(access) && isNamed(body))
    .map(({ method, path }) => `^${method} ${path.replaceAll(/:\w+/g, '[^/?]+')}(?:\\?|$)`),
]

/** How often a repeatable request is sent at most: daprd takes another replica each time, by chance. */
export const tries = 3
