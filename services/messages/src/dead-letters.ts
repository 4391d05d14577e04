import { type AppId, type DeadLetter, deadLetter, events, setAside } from '@parley/contracts'
import {
  ChatError,
  type Clock,
  type CloudEvent,
  type DocumentStore,
  defineFamily,
  type Sidecar,
  type Stored,
} from '@parley/kit'
import { z } from 'zod'

/** Numbered from 1 without a gap, so that they can be listed by reading on until there is no next one. */
const family = defineFamily({ prefix: 'dead', mode: 'versioned', schema: deadLetter, expires: false })
const window = 64

export interface DeadLetters {
  keep(app: AppId, event: CloudEvent): Promise<void>
  list(): Promise<DeadLetter[]>
  /** Publishes them to their topics again. An event has the same id, so what was done already is not done twice. */
  replay(ids: readonly string[] | undefined): Promise<number>
}

export function createDeadLetters(deps: {
  store: DocumentStore
  sidecar: Pick<Sidecar, 'publishRaw'>
  clock: Clock
}): DeadLetters {
  const { store, sidecar, clock } = deps
  let kept = 0

  async function all(): Promise<Stored<DeadLetter>[]> {
    const found: Stored<DeadLetter>[] = []
    for (;;) {
      const keys = Array.from({ length: window }, (_, i) => String(found.length + 1 + i))
      const stored = await store.getMany(family, keys)
      for (const key of keys) {
        const one = stored.get(key)
        if (!one) return found
        found.push(one)
      }
    }
  }

  return {
    async keep(app, event) {
      const receivedAt = new Date(clock.now()).toISOString()
      const letter = { id: event.id, app, topic: topicOf(event), reason: reasonOf(event), receivedAt, event }
      for (let number = kept + 1; ; number++) {
        const written = await store.create(family, String(number), letter)
        if (written.outcome === 'unknown') throw new ChatError('unavailable')
        kept = Math.max(kept, number)
        if (written.outcome === 'created') return
        // A broker that brings it twice finds it here; one that does so much later makes a second record. The same
        // event that another app has refused is another letter.
        const { id, app: other } = written.stored.value
        if (id === letter.id && other === app) return
      }
    },
    async list() {
      return (await all()).map(({ value }) => value)
    },
    async replay(ids) {
      let replayed = 0
      for (const [i, { value, etag }] of (await all()).entries()) {
        if (ids ? !ids.includes(value.id) : value.replayedAt !== undefined) continue
        await sidecar.publishRaw(value.topic, dataOf(value.event))
        const replayedAt = new Date(clock.now()).toISOString()
        await store.replace(family, String(i + 1), { ...value, replayedAt }, etag)
        replayed += 1
      }
      return replayed
    },
  }
}

const envelope = z.looseObject({
  type: z.string().optional(),
  topic: z.string().optional(),
  data: z.unknown(),
})

const dataOf = (event: unknown): unknown => {
  const { data } = envelope.parse(event)
  const aside = setAside.safeParse(data)
  return aside.success ? aside.data.data : data
}

/** We publish with the topic as the event's type: it survives the way through the dead letter topic. */
function topicOf(event: CloudEvent): string {
  const aside = setAside.safeParse(event.data)
  if (aside.success) return aside.data.topic
  const { type, topic } = envelope.parse(event)
  return events.some((contract) => contract.topic === type) ? String(type) : String(topic)
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
