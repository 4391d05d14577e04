import type { Command } from '@parley/contracts'
import type { Clock, DocumentStore } from '@parley/kit'
import { coalesce } from './coalesce.ts'
import { inForce } from './refusal.ts'
import { commandKey, families, keys, type Sent, type StoredEntry } from './stored.ts'
import type { View } from './view.ts'

export type CommandName = Pick<Command, 'senderId' | 'clientId' | 'submittedAt'>

/**
 * What is on record of a command's client id, as far as the view reaches: what it became, in the tail or in the
 * projection; or nothing. A read that fails is never taken for "nothing".
 */
export type LookUp = (view: View, command: CommandName) => Promise<StoredEntry | Sent | undefined>

const bulk = { items: 64, inFlight: 4 }

export function createLookUp(store: DocumentStore, clock: Clock): LookUp {
  const readSent = coalesce<string, Sent | undefined>(async (wanted) => {
    const found = await store.getMany(families.sent, wanted)
    return wanted.map((key) => found.get(key)?.value)
  }, bulk)

  return async (view, command) => {
    const { senderId, clientId } = command
    const inTail = inForce(view.ids.get(commandKey(senderId, clientId)), command, clock.now())
    // Where what the tail says has lapsed, a later refusal may stand in the store.
    return inTail ?? inForce(await readSent(keys.sent(view.id, senderId, clientId)), command, clock.now())
  }
}
