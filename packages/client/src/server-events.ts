import { type ServerEventName, type ServerPayload, serverEvents } from '@parley/contracts'
import { ParleyError } from './errors.ts'

/** One function per event. `ready` and `draining` are the connection's own. */
export type ServerEventHandlers = {
  readonly [E in Exclude<ServerEventName, 'entry' | 'ready' | 'draining'>]: (data: ServerPayload<E>) => void
} & {
  /** Not parsed: its stream must keep the place of an entry that it cannot read. */
  readonly entry: (payload: unknown) => void
}

/** Parses what the server tells and passes it on. What does not fit is reported; what is unknown is left alone. */
export function createServerEvents(
  handlers: ServerEventHandlers,
  onError: (error: ParleyError) => void,
): (name: string, payload: unknown) => void {
  return (name, payload) => {
    if (name === 'entry') return handlers.entry(payload)
    if (!isServerEvent(name)) return undefined
    const parsed = serverEvents[name].safeParse(payload)
    if (!parsed.success) return onError(new ParleyError('bad_answer', `${name}: ${parsed.error.message}`))
    const handler = (handlers as Partial<Record<string, (data: unknown) => void>>)[name]
    return handler?.(parsed.data)
  }
}

const isServerEvent = (name: string): name is ServerEventName => Object.hasOwn(serverEvents, name)
