import { ChatError, type Clock, type DocumentStore, type Stored } from '@parley/kit'
import { searchNodes } from '../documents.ts'
import { pause } from '../update.ts'
import { createGroupCommit } from './group-commit.ts'
import { clipped, entriesOf, lettersOf, type Named } from './terms.ts'
import { type Node, type Plan, planInsert, planRemove, rootLetters } from './tree.ts'

const attempts = 10
const childrenPerRead = 16

const keyOf = encodeURIComponent

export interface UserIndex {
  /** Idempotent: where all is in place it only reads, so every login can afford it as a repair. */
  add(user: Named): Promise<void>
  /** New names first: the user is never without any. What stays behind after a crash is sorted out by `isFoundBy`. */
  rename(before: Named, after: Named): Promise<void>
  /** Entries that may match, sorted by name; reads only as far as it is asked. */
  candidates(query: string): AsyncGenerator<string>
}

export function createUserIndex(options: { store: DocumentStore; clock: Clock }): UserIndex {
  const { store, clock } = options

  async function write(prefix: string, stored: Stored<Node> | undefined, next: Node): Promise<boolean> {
    if (stored) return (await store.replace(searchNodes, keyOf(prefix), next, stored.etag)) === 'replaced'
    return (await store.create(searchNodes, keyOf(prefix), next)).outcome === 'created'
  }

  /** A conflict and an unknown outcome are the same here: read again, and plan what is still missing. */
  async function apply(prefix: string, entries: readonly string[], plan: typeof planInsert): Promise<void> {
    const depth = lettersOf(prefix).length
    for (let attempt = 0; attempt < attempts; attempt++) {
      await pause(clock, attempt)
      const stored = await store.get(searchNodes, keyOf(prefix))
      const { first, children, last }: Plan = plan(stored?.value, depth, entries)
      if (first && !(await write(prefix, stored, first))) continue
      for (const [letter, group] of children ?? []) await apply(prefix + letter, group, plan)
      if (!last || (await write(prefix, stored, last))) return
    }
    throw new ChatError('unavailable', { detail: 'the search index is contended' })
  }

  // Five hundred people who register at once have few first letters among them: in one process they go into one
  // write per node instead of fighting for its etag.
  const inserts = createGroupCommit<string>((root, entries) => apply(root, entries, planInsert))

  async function add(user: Named): Promise<void> {
    const roots = new Map<string, string[]>()
    for (const entry of entriesOf(user)) {
      const root = lettersOf(entry).slice(0, rootLetters).join('')
      roots.set(root, [...(roots.get(root) ?? []), entry])
    }
    await Promise.all([...roots].map(([root, entries]) => inserts(root, entries)))
  }

  async function rename(before: Named, after: Named): Promise<void> {
    await add(after)
    const kept = new Set(entriesOf(after))
    for (const entry of entriesOf(before)) {
      if (kept.has(entry)) continue
      await apply(lettersOf(entry).slice(0, rootLetters).join(''), [entry], planRemove)
    }
  }

  async function* walk(prefix: string, current: Node | undefined): AsyncGenerator<string> {
    if (!current) return
    if ('entries' in current) {
      yield* current.entries
      return
    }
    for (let i = 0; i < current.letters.length; i += childrenPerRead) {
      const prefixes = current.letters.slice(i, i + childrenPerRead).map((letter) => prefix + letter)
      const children = await store.getMany(searchNodes, prefixes.map(keyOf))
      for (const child of prefixes) yield* walk(child, children.get(keyOf(child))?.value)
    }
  }

  async function* candidates(query: string): AsyncGenerator<string> {
    const wanted = clipped(query)
    const letters = lettersOf(wanted)
    for (let depth = rootLetters; ; depth++) {
      const prefix = letters.slice(0, depth).join('')
      const current = (await store.get(searchNodes, keyOf(prefix)))?.value
      if (current && 'letters' in current && depth < letters.length) continue
      for await (const entry of walk(prefix, current)) if (entry.startsWith(wanted)) yield entry
      return
    }
  }

  return { add, rename, candidates }
}
