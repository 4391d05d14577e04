import type { Command } from '@parley/contracts'
import type { Clock, DocumentStore } from '@parley/kit'
import type { Decision } from './decide.ts'
import { commandKey, families, keys, type Sent } from './stored.ts'
import type { View } from './view.ts'

/** How long a refusal is remembered: a copy of the command that comes later is decided anew. */
export const refusalMs = 7 * 24 * 3600 * 1000

export type Refusal = Extract<Decision, { refused: unknown }>['refused']

/**
 * Makes a refusal final, so that no copy of the command is stored after the sender was told no.
 *
 *   (nothing) ──create──▶ tentative ──replace──▶ final
 *                             └──────replace──▶ withdrawn (reads as nothing)
 *
 * A refusal may rest on a state that has passed: a member was removed (the command is refused) and added again (a
 * copy of it elsewhere is accepted). So it is announced first and the log read *after* that, which is the `barrier`: if
 * the command is still refused then, whoever accepts a copy must have seen the later state, and reads this record after
 * that. A refusal that rests on no state at all has a stronger barrier: it takes a place in the log itself, so that
 * whoever read the client id before the announcement finds that place taken and reads again.
 * A tentative record that a crash left behind is settled by whoever meets it.
 *
 * Answers the final refusal; `reconsider` where the command is in the log or is allowed now; undefined where the
 * store did not answer clearly.
 */
export async function settleRefusal(
  deps: {
    readonly store: DocumentStore
    readonly clock: Clock
    /** Why the command is refused in the view as it is now; undefined where it is not. */
    readonly refuses: () => Refusal | undefined
    readonly barrier: () => Promise<void>
  },
  view: View,
  command: Command,
): Promise<Refusal | 'reconsider' | undefined> {
  const { store, clock, refuses, barrier } = deps
  const key = keys.sent(view.id, command.senderId, command.clientId)
  const write = async (value: Sent, etag: string | undefined): Promise<boolean> =>
    etag === undefined
      ? (await store.create(families.sent, key, value)).outcome === 'created'
      : (await store.replace(families.sent, key, value, etag)) === 'replaced'

  for (let attempt = 0; attempt < 4; attempt++) {
    const found = await store.get(families.sent, key)
    const record = found?.value
    if (record && 'seq' in record) return 'reconsider'
    const known: Extract<Sent, { phase: string }> | undefined = record
    if (known?.phase === 'final' && known.until > clock.now()) return known.refused

    if (known?.phase !== 'tentative') {
      const refused = refuses()
      if (!refused) return 'reconsider'
      await write({ refused, phase: 'tentative', until: clock.now() + refusalMs }, found?.etag)
      continue
    }
    await barrier()
    if (view.ids.has(commandKey(command.senderId, command.clientId))) return 'reconsider'
    const refused = refuses()
    if (!refused) {
      if (await write({ ...known, phase: 'withdrawn' }, found?.etag)) return 'reconsider'
      continue
    }
    if (await write({ ...known, refused, phase: 'final' }, found?.etag)) return refused
  }
  return undefined
}
