import type { Command } from '@parley/contracts'
import type { Clock, DocumentStore } from '@parley/kit'
import { type Decision, decide } from './decide.ts'
import { commandKey, families, keys, type RefusedRecord, type Sent, type StoredEntry } from './stored.ts'
import type { View } from './view.ts'
import type { Views } from './views.ts'

/** How long a refusal is remembered: a copy of the command that comes later is decided anew. */
export const refusalMs = 7 * 24 * 3600 * 1000

export type Refusal = Extract<Decision, { refused: unknown }>['refused']

/**
 * Makes the refusal of a command final, so that no copy of it is stored after the sender was told no. What is refused
 * takes no place in the log: or whoever is not a member could make it grow.
 *
 *   (nothing) ──create──▶ tentative ──replace──▶ final
 *                             └──────replace──▶ withdrawn (reads as nothing)
 *
 * A refusal may rest on a state that has passed: a member was removed (the command is refused) and added again (a
 * copy of it elsewhere is accepted). So it is announced first and the log read *after* that: if the command is still
 * refused then, whoever accepts a copy must have seen the later state, and reads this record after that.
 * A tentative record that a crash left behind is settled by whoever meets it.
 *
 * Answers the final refusal; `reconsider` where the command is in the log or is allowed now; undefined where the
 * store did not answer clearly.
 */
export async function settleRefusal(
  deps: { readonly store: DocumentStore; readonly views: Views; readonly clock: Clock },
  view: View,
  command: Command,
): Promise<Refusal | 'reconsider' | undefined> {
  const { store, views, clock } = deps
  const key = keys.sent(view.id, command.senderId, command.clientId)
  const refuses = (): Refusal | undefined => {
    const decision = decide(view.fold, command, new Date(clock.now()).toISOString())
    return 'refused' in decision ? decision.refused : undefined
  }
  const write = async (value: Sent, etag: string | undefined): Promise<boolean> =>
    etag === undefined
      ? (await store.create(families.sent, key, value)).outcome === 'created'
      : (await store.replace(families.sent, key, value, etag)) === 'replaced'

  for (let attempt = 0; attempt < 4; attempt++) {
    const found = await store.get(families.sent, key)
    const record = found?.value
    if (record && 'seq' in record) return 'reconsider'
    const known: RefusedRecord | undefined = record
    if (known?.phase === 'final' && !isLapsed(known, command, clock.now())) return known.refused

    if (known?.phase !== 'tentative') {
      const refused = refuses()
      if (!refused) return 'reconsider'
      await write({ refused, phase: 'tentative', until: clock.now() + refusalMs }, found?.etag)
      continue
    }
    await views.readForward(view)
    const logged = view.ids.get(commandKey(command.senderId, command.clientId))
    if (inForce(logged, command, clock.now())) return 'reconsider'
    const refused = refuses()
    if (!refused) {
      if (await write({ ...known, phase: 'withdrawn' }, found?.etag)) return 'reconsider'
      continue
    }
    if (await write({ ...known, refused, phase: 'final' }, found?.etag)) return refused
  }
  return undefined
}

/**
 * The refusal of a command that could not be handled, which rests on no state. It is put into the log, as a block without
 * an entry: whoever was about to append a copy finds that place taken and reads again. It holds for the copies that
 * were under way; when the sender or an operator submits the command again later, it is tried again.
 */
export const refusedForGood = (refused: Refusal, submittedBy: string, now: number): RefusedRecord => ({
  refused,
  phase: 'final',
  until: now + refusalMs,
  submittedBy,
})

/** What is on record, unless it says nothing about this copy of the command. */
export const inForce = <T extends StoredEntry | Sent>(
  record: T | undefined,
  command: Pick<Command, 'submittedAt'>,
  now: number,
): T | undefined => (record && 'refused' in record && isLapsed(record, command, now) ? undefined : record)

function isLapsed(
  { phase, until, submittedBy }: RefusedRecord,
  { submittedAt }: Pick<Command, 'submittedAt'>,
  now: number,
): boolean {
  if (phase === 'withdrawn') return true
  return phase === 'final' && (until <= now || (submittedBy !== undefined && submittedAt > submittedBy))
}
