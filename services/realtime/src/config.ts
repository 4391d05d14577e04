import { serviceConfig } from '@parley/kit'
import { z } from 'zod'

const origin = z.url({ protocol: /^https?$/ }).transform((url) => new URL(url).origin)

export const realtimeConfig = serviceConfig.extend({
  /** The name of this node in presence and in `ready`; the host's name where it is not set. */
  node: z.string().min(1).max(64).optional().meta({ env: 'PARLEY_NODE' }),
  /** Origins of other sites whose pages may connect, with commas between them. */
  origins: z
    .string()
    .default('')
    .transform((list) => list.split(',').filter((item) => item.trim() !== ''))
    .pipe(z.array(origin))
    .meta({ env: 'PARLEY_ORIGINS' }),
})
