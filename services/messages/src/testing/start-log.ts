import type { Command, ConversationId } from '@parley/contracts'
import { createLogger, type DocumentStore, memoryDocumentStore } from '@parley/kit'
import { type FakeClock, fakeClock } from '@parley/testkit'
import { createConversationLog } from '../log/index.ts'
import type { Outcome } from '../log/jobs.ts'
import type { StoredEntry } from '../log/stored.ts'
import type { View } from '../log/view.ts'
import type { TailLimits } from '../log/writer.ts'
import { at, conversation, create } from './builders.ts'

const defaultTail: TailLimits = { entries: 32, blocks: 256 }

/** The log over a store in memory. Several of them over one store are several replicas. */
export function startLog(
  options: {
    store?: DocumentStore
    clock?: FakeClock
    tail?: TailLimits
    maxViews?: number
    name?: string
  } = {},
) {
  const clock = options.clock ?? fakeClock(Date.parse(at))
  const store = options.store ?? memoryDocumentStore(clock)
  const inboxes: { id: ConversationId; entries: readonly StoredEntry[] }[] = []
  const logged: string[] = []
  let nonces = 0
  const log = createConversationLog({
    store,
    clock,
    logger: createLogger('messages', 'trace', { write: (line) => void logged.push(line) }),
    newNonce: () => `${options.name ?? 'a'}.${++nonces}`,
    writeInboxes: async (id, entries) => void inboxes.push({ id, entries }),
    maxViews: options.maxViews ?? 100,
    tail: options.tail ?? defaultTail,
  })
  const id = conversation('room')
  const submit = (given: Command): Promise<Outcome> => log.writer.submit(id, given)
  return {
    ...log,
    id,
    store,
    clock,
    inboxes,
    logged,
    submit,
    view: (): Promise<View> => log.views.current(id),
    /** A group of these people, made by the first. */
    async begin(...people: string[]): Promise<void> {
      const [creator = 'ann', ...others] = people
      const outcome = await submit(create(creator, ...others))
      if (outcome.outcome !== 'stored') throw new Error(`the group is ${outcome.outcome}`)
    },
    /** The whole log, as a replica that knows nothing reads it. */
    async read(): Promise<StoredEntry[]> {
      const { views, history } = startLog({ store, clock })
      const view = await views.current(id)
      return history.entries(view, 0, 100_000)
    },
  }
}

export const say = (outcome: Outcome): string => {
  switch (outcome.outcome) {
    case 'stored':
      return `${outcome.repeated ? 'again' : 'stored'} ${outcome.seq}`
    case 'refused':
      return outcome.refusal.code
    default:
      return outcome.outcome
  }
}
