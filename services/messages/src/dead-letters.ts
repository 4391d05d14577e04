import {
  type AppId,
  type DeadLetter,
  deadLetter,
  events,
  messageSubmitted,
  setAside,
} from '@parley/contracts'
import {
  ChatError,
  type Clock,
  type CloudEvent,
  type DocumentStore,
  defineFamily,
  type Logger,
  newId,
  type Sidecar,
  type Stored,
} from '@parley/kit'
import { z } from 'zod'

/** Numbered from 1 without a gap, so that they can be listed by reading on until there is no next one. */
const family = defineFamily({ prefix: 'dead', mode: 'versioned', schema: deadLetter, expires: false })
const window = 64
/** How many of the letters kept last are known: what is brought again is brought soon. */
const remembered = 1_000

export interface DeadLetters {
  /** Once per event, however often it is brought within some time, and to whichever replica. */
  keep(app: AppId, event: CloudEvent): Promise<void>
  list(): Promise<DeadLetter[]>
  /**
   * Publishes them to their topics again. An event says the same, so what was done already is not done twice; a command
   * counts as submitted again, or what was refused for good would stay so.
   */
  replay(ids: readonly string[] | undefined): Promise<number>
}

export function createDeadLetters(deps: {
  store: DocumentStore
  sidecar: Pick<Sidecar, 'publishRaw'>
  clock: Clock
  logger: Logger
  /** A letter of this app was kept. */
  kept?: (app: AppId) => void
}): DeadLetters {
  const { store, sidecar, clock, logger } = deps
  const iso = (): string => new Date(clock.now()).toISOString()
  /** By app, too: an event that two apps have refused is two letters. */
  const recent = new Set<string>()
  const nameOf = (app: string, id: string): string => `${app} ${id}`
  /** Up to which number there are letters, as far as this process knows. */
  let last = 0

  async function* all(): AsyncGenerator<{ key: string; stored: Stored<DeadLetter> }> {
    for (let from = 1; ; from += window) {
      const keys = Array.from({ length: window }, (_, i) => String(from + i))
      const found = await store.getMany(family, keys)
      for (const key of keys) {
        const stored = found.get(key)
        if (!stored) return
        yield { key, stored }
      }
    }
  }

  /** A letter's number doubles until there is none: then between the last two. */
  async function findLast(): Promise<number> {
    const exists = async (n: number): Promise<boolean> => (await store.get(family, String(n))) !== undefined
    let [low, high] = [last, Math.max(1, 2 * last)]
    while (await exists(high)) [low, high] = [high, 2 * high]
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (await exists(middle)) low = middle
      else high = middle
    }
    return low
  }

  function remember({ app, id }: DeadLetter): void {
    recent.add(nameOf(app, id))
    const [oldest] = recent
    if (recent.size > remembered && oldest !== undefined) recent.delete(oldest)
  }

  /** Catches up with what other replicas, or this one in an earlier life, have kept. */
  async function readOn(): Promise<void> {
    last = Math.max(last, await findLast())
    const keys = Array.from({ length: Math.min(window, last) }, (_, i) => String(last - i))
    for (const { value } of (await store.getMany(family, keys)).values()) remember(value)
  }

  async function write(app: AppId, letter: DeadLetter): Promise<void> {
    while (!recent.has(nameOf(letter.app, letter.id))) {
      const next = last + 1
      const written = await store.create(family, String(next), letter)
      if (written.outcome === 'unknown') throw new ChatError('unavailable')
      if (written.outcome === 'exists') await readOn()
      else {
        last = Math.max(last, next)
        remember(letter)
        deps.kept?.(app)
      }
    }
  }

  return {
    async keep(app, event) {
      if (recent.has(nameOf(app, event.id))) return
      const id = event.id || newId()
      const letter = { id, app, topic: topicOf(event), reason: reasonOf(event), receivedAt: iso(), event }
      await write(app, letter).catch((error: unknown) => {
        if (error instanceof ChatError && error.code === 'unavailable') throw error
        // What one store operation chokes on, the next one may, too. The letter itself must not be poison.
        logger.error({ err: error, event }, 'a dead letter is kept without its data')
        return write(app, {
          ...letter,
          reason: `${letter.reason}; the store refuses its data`,
          event: { id },
        })
      })
      logger.error({ id, app, topic: letter.topic, reason: letter.reason }, 'a dead letter is kept')
    },
    async list() {
      const letters: DeadLetter[] = []
      for await (const { stored } of all()) letters.push(stored.value)
      return letters
    },
    async replay(ids) {
      let replayed = 0
      for await (const { key, stored } of all()) {
        const { value, etag } = stored
        const data = again(value, iso())
        if (!isKnown(value.topic) || data === undefined) continue
        if (ids ? !ids.includes(value.id) : value.replayedAt !== undefined) continue
        await sidecar.publishRaw(value.topic, data)
        await store.replace(family, key, { ...value, replayedAt: iso() }, etag)
        replayed += 1
      }
      return replayed
    },
  }
}

const isKnown = (topic: unknown): boolean => events.some((contract) => contract.topic === topic)

/** We publish with the topic as the event's type: it survives the way through the dead letter topic. */
function topicOf(event: CloudEvent): string {
  const aside = setAside.safeParse(event.data)
  if (aside.success) return aside.data.topic
  return isKnown(event.type) ? String(event.type) : event.topic
}

function reasonOf(event: CloudEvent): string {
  const aside = setAside.safeParse(event.data)
  if (aside.success) return aside.data.reason
  const contract = events.find(({ topic }) => topic === topicOf(event))
  if (!contract) return 'its topic is not known'
  const parsed = contract.data.safeParse(event.data)
  if (!parsed.success) return `does not fit its contract: ${z.prettifyError(parsed.error)}`
  return 'the subscriber refused it, or failed for as long as it was brought again: see its log'
}

const commandsIn = z.looseObject({
  conversations: z.array(z.looseObject({ commands: z.array(z.looseObject({})) })),
})

/** The data of the event as it is published again. */
function again({ topic, event }: DeadLetter, submittedAt: string): unknown {
  const { data } = z.looseObject({ data: z.unknown().optional() }).parse(event)
  const aside = setAside.safeParse(data)
  const original = aside.success ? aside.data.data : data
  const submitted = topic === messageSubmitted.topic ? commandsIn.safeParse(original).data : undefined
  if (!submitted) return original
  const conversations = submitted.conversations.map((conversation) => ({
    ...conversation,
    commands: conversation.commands.map((command) => ({ ...command, submittedAt })),
  }))
  return { ...submitted, conversations }
}
