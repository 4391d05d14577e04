import type { PublicUser, UserId } from '@parley/contracts'
import { ChatError, type DocumentStore } from '@parley/kit'
import { publicUserOf } from './accounts.ts'
import { users } from './documents.ts'
import { normalizeName } from './names.ts'
import { isFoundBy, lettersOf, minimumLetters, userIdOf } from './search/terms.ts'
import type { UserIndex } from './search/user-index.ts'

/** A query whose hits are all out of date ends here, instead of reading on through the index. */
const candidatesMost = 2_000

export type Users = ReturnType<typeof createUsers>

export function createUsers({ store, index }: { store: DocumentStore; index: UserIndex }) {
  async function get(id: UserId): Promise<PublicUser> {
    const user = await store.get(users, id)
    if (!user) throw new ChatError('user_not_found')
    return publicUserOf(user.value)
  }

  async function lookUp(ids: readonly UserId[]): Promise<PublicUser[]> {
    const found = await store.getMany(users, [...new Set(ids)])
    return [...found.values()].map(({ value }) => publicUserOf(value))
  }

  /** Sorted by the name that matches. Reads of the index as many entries as it takes to find `limit` users. */
  async function find(query: string, limit: number): Promise<PublicUser[]> {
    const wanted = normalizeName(query)
    if (lettersOf(wanted).length < minimumLetters)
      throw new ChatError('invalid_body', { detail: `query must have at least ${minimumLetters} letters` })
    const items: PublicUser[] = []
    const seen = new Set<string>()
    let batch: string[] = []
    const take = async (): Promise<void> => {
      const found = await store.getMany(users, batch)
      for (const id of batch) {
        const user = found.get(id)?.value
        if (user && items.length < limit && isFoundBy(user, wanted)) items.push(publicUserOf(user))
      }
      batch = []
    }
    for await (const entry of index.candidates(wanted)) {
      const id = userIdOf(entry)
      if (seen.has(id)) continue
      seen.add(id)
      batch.push(id)
      if (batch.length >= limit - items.length) await take()
      if (items.length >= limit || seen.size >= candidatesMost) break
    }
    if (batch.length > 0 && items.length < limit) await take()
    return items
  }

  return { get, lookUp, find }
}
