import { type ConversationId, messageStored } from '@parley/contracts'
import { ChatError, type DocumentStore, type Family, type Stored } from '@parley/kit'
import { type Announcer, type Block, type Commands, families } from '@parley/messages'
import type { MessagesPlants } from './messages-node.ts'
import type { Process } from './time.ts'
import type { Options, Plants } from './world.ts'

/** A bug, planted around the ports, what the simulation says of it, and how many seeds it takes at most to say so. */
export interface Plant {
  readonly caught: RegExp
  readonly within: number
  /** New for each run: some bugs have a memory. */
  readonly options: () => Options
}

const messages = (plants: MessagesPlants): Options => ({ plants })
const everywhere = (plants: Plants): Options => ({ plants })

export const plants: Readonly<Record<string, Plant>> = {
  // "It was not there when I looked, so it was not written": but it lands later.
  'late-create': {
    caught: /ended as refused and is stored at/,
    within: 10,
    options: () => messages({ commands: tellsNo }),
  },
  // "Number 7 is taken, so I take 8": from the seq that was free when the block was made.
  'overlapping-blocks': {
    caught: /overlaps the one before/,
    within: 10,
    options: () => messages({ store: takesTheNextNumber }),
  },
  // The same, mended: the block is numbered anew. But it was decided on a state that has passed.
  'moved-block': {
    caught: /by mal, who was no member|is in c\d at \d+ and \d+/,
    within: 20,
    options: () => messages({ store: movesTheBlock }),
  },
  'overwriting-store': {
    caught: /log:c\d:\d+ was written over/,
    within: 10,
    options: () => everywhere({ brokenStore: 'overwrites' }),
  },
  'dedupe-window': {
    caught: /is in c\d at \d+ and \d+/,
    within: 10,
    options: () => messages({ store: windowOf(10) }),
  },
  'refusal-forgotten': {
    caught: /ended as refused and is stored at/,
    within: 150,
    options: () => messages({ store: forgetsRefusals }),
  },
  // What changed nothing is not remembered: a late copy of it is decided anew.
  'nothing-forgotten': {
    caught: /showed c1 to mal after the removal was answered/,
    within: 150,
    options: () => messages({ store: forgetsWhatChangedNothing }),
  },
  // Lost on the way, and nothing tells the heads. With the heads it is healed: see the test.
  'lost-stored': {
    caught: /has \d+ of \d+ entries of/,
    within: 150,
    options: () => ({
      poison: 'none',
      plants: {
        brokerLoses: losesStored(),
        announcer: (announcer) => ({ ...announcer, takeHeads: () => [] }),
      },
    }),
  },
  'unordered-delivery': {
    caught: /was sent c\d:\d+ after c\d:\d+/,
    within: 10,
    options: () => everywhere({ delivery: emitsAtOnce }),
  },
  'stale-fold': {
    caught: /showed c1 to mal after the removal was answered/,
    within: 20,
    options: () => messages({ store: readsThePast(3_000) }),
  },
  'inbox-lost': {
    caught: /c\d is not among the conversations of/,
    within: 5,
    options: () => messages({ store: keepsNoInbox }),
  },
  'ack-before-write': {
    caught: /was acknowledged at seq \d+ and is not in the store/,
    within: 5,
    options: () => everywhere({ brokenStore: 'acknowledges-early' }),
  },
  'unknown-taken-for-done': {
    caught: /was acknowledged at seq \d+ and is not in the store/,
    within: 30,
    options: () => messages({ store: saysCreated }),
  },
  // The batch that holds a poison item is never taken apart.
  'poison-in-batch': {
    caught: /not everything had its outcome: .*(ann|cid|mal)-\S+ out/,
    within: 5,
    options: () => ({ poison: 'blind', plants: { batcherLimits: { outcomeMs: 40_000 } } }),
  },
  // It goes alone, for ever.
  'poison-taken-for-outage': {
    caught: /not everything had its outcome: .*bob-003! out/,
    within: 10,
    options: () => ({ poison: 'unstorable', plants: { store: saysUnavailable } }),
  },
  'poison-unanswered': {
    caught: /not everything had its outcome: .*bob-003! out/,
    within: 5,
    options: () => ({ poison: 'blind', plants: { batcherLimits: { strikes: Number.POSITIVE_INFINITY } } }),
  },
  'dead-letter-lost': {
    caught: /bob-003! is no dead letter/,
    within: 5,
    options: () => ({ poison: 'unstorable', plants: { store: keepsNoLetter } }),
  },
}

function tellsNo(commands: Commands, announcer: Announcer): Commands {
  return {
    ...commands,
    async onSubmitted(data) {
      try {
        await commands.onSubmitted(data)
      } catch {
        const error = { code: 'forbidden', message: 'It was not written.' }
        for (const { conversationId, commands } of data.conversations)
          for (const { senderId, clientId } of commands)
            await announcer.rejected({ conversationId, senderId, clientId, error })
      }
    },
  }
}

/** Two of three events are lost on the way, whatever the broker has promised. */
export function losesStored(): NonNullable<Plants['brokerLoses']> {
  let count = 0
  return (topic) => topic === messageStored.topic && ++count % 3 !== 0
}

type CreateMany = DocumentStore['createMany']
/** Changes how blocks are created. */
const withBlocks = (
  store: DocumentStore,
  change: (item: {
    key: string
    value: Block
    nonce?: string
  }) => Promise<Awaited<ReturnType<CreateMany>>[number]>,
): DocumentStore => ({
  ...store,
  createMany: ((family: Family<unknown, 'log' | 'versioned'>, items: Parameters<typeof change>[0][]) =>
    family.prefix === families.log.prefix
      ? Promise.all(items.map(change))
      : store.createMany(family, items)) as CreateMany,
})

const by = ({ nonce }: { nonce?: string | undefined }): { nonce?: string } =>
  nonce === undefined ? {} : { nonce }

const saysCreated = (store: DocumentStore): DocumentStore =>
  withBlocks(store, async ({ key, value, nonce }) => {
    const created = await store.create(families.log, key, value, by({ nonce }))
    return created.outcome === 'unknown' ? { outcome: 'created' } : created
  })

const saysUnavailable = (store: DocumentStore): DocumentStore => ({
  ...store,
  createMany: (family, items) =>
    store.createMany(family, items).catch((cause: unknown) => {
      throw new ChatError('unavailable', { cause })
    }),
})

const nextKey = (key: string): string => {
  const [id, n] = key.split(':')
  return `${id}:${Number(n) + 1}`
}

const takesTheNextNumber = (store: DocumentStore): DocumentStore =>
  withBlocks(store, async (item) => {
    let { key } = item
    for (;;) {
      const created = await store.create(families.log, key, item.value, by(item))
      if (created.outcome !== 'exists') return created
      key = nextKey(key)
    }
  })

const movesTheBlock = (store: DocumentStore): DocumentStore =>
  withBlocks(store, async (item) => {
    let { key, value } = item
    const first = await store.create(families.log, key, value, by(item))
    let created = first
    while (created.outcome === 'exists') {
      const before = created.stored.value
      const firstSeq = before.lastSeq + 1
      const entries = value.entries.map((entry, i) => ({
        ...entry,
        seq: firstSeq + i,
        at: before.entries.at(-1)?.at ?? entry.at,
      }))
      value = {
        ...value,
        firstSeq,
        lastSeq: before.lastSeq + entries.length,
        prevNonce: before.nonce,
        entries,
      }
      key = nextKey(key)
      created = await store.create(families.log, key, value, by(item))
    }
    return created.outcome === 'created' ? first : created
  })

const forgetsWhatChangedNothing = (store: DocumentStore): DocumentStore =>
  withBlocks(store, ({ key, value: { settled: _, ...value }, nonce }) =>
    store.create(families.log, key, value, by({ nonce })),
  )

/** Changes what is read of a family. */
const withReads = <T>(
  store: DocumentStore,
  changed: Family<T>,
  keep: (key: string, stored: Stored<T>) => boolean,
): DocumentStore => ({
  ...store,
  async getMany<U>(family: Family<U>, keys: readonly string[]) {
    const found = await store.getMany(family, keys)
    if (family.prefix !== changed.prefix) return found
    return new Map([...found].filter(([key, stored]) => keep(key, stored as unknown as Stored<T>)))
  },
})

function windowOf(size: number): (store: DocumentStore) => DocumentStore {
  const kept: string[] = []
  return (store) => ({
    ...withReads(store, families.sent, (key) => kept.includes(key)),
    async createMany(family, items) {
      if (family.prefix === families.sent.prefix) kept.push(...items.map(({ key }) => key))
      kept.splice(0, kept.length - size)
      return store.createMany(family, items)
    },
  })
}

const forgetsRefusals = (store: DocumentStore): DocumentStore =>
  withReads(store, families.sent, (_, { value }) => 'seq' in value)

function readsThePast(ms: number): (store: DocumentStore, process: Process) => DocumentStore {
  const written = new Map<string, { by: Process; at: number }>()
  return (store, process) => ({
    ...withReads(store, families.log, (key) => {
      const write = written.get(key)
      return !write || write.by === process || write.at < process.clock.now() - ms
    }),
    async createMany(family, items) {
      const outcomes = await store.createMany(family, items)
      for (const [i, { key }] of items.entries())
        if (outcomes[i]?.outcome === 'created') written.set(key, { by: process, at: process.clock.now() })
      return outcomes
    },
  })
}

const keepsNoInbox = (store: DocumentStore): DocumentStore => ({
  ...store,
  create: (family, key, value, options) =>
    family.prefix === families.inbox.prefix
      ? Promise.resolve({ outcome: 'created' })
      : store.create(family, key, value, options),
})

const keepsNoLetter = (store: DocumentStore): DocumentStore => ({
  ...store,
  create: (family, key, value, options) =>
    family.prefix === 'dead'
      ? Promise.resolve({ outcome: 'created' })
      : store.create(family, key, value, options),
})

const emitsAtOnce: NonNullable<Plants['delivery']> = (delivery, emit) => ({
  ...delivery,
  stored(id: ConversationId, entries) {
    for (const entry of entries) emit(id, entry)
    delivery.stored(id, [])
  },
})
