import { z } from 'zod'
import { within } from './deadline.ts'
import { type DocumentStore, defineFamily } from './document-store.ts'

/** A key that nobody writes: reading it costs what reading any other costs. */
const probe = defineFamily({ prefix: 'probe', mode: 'log', schema: z.unknown() })

/** Whoever asks for readiness waits 2 s for all of it. */
const answerWithinMs = 1_000

/** `ok` where the store answers a read, or what is wrong. For readiness: daprd does not watch what it has loaded. */
export async function checkStore(store: Pick<DocumentStore, 'get'>): Promise<string> {
  try {
    await within(answerWithinMs, store.get(probe, 'readiness'))
    return 'ok'
  } catch {
    return 'the store does not answer'
  }
}
