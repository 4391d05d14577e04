import { z } from 'zod'
import { lettersOf } from './terms.ts'

/**
 * A node of the search tree: the entries that start with its prefix, or, where these became too many, the letters
 * that its children go on with. A leaf turns into a branch once and never back. The roots are the prefixes of two
 * letters, so that nothing is shared by all users.
 *
 * No node grows without bound: a leaf splits, and a branch has at most as many letters as there are characters.
 */
export const node = z.union([
  z.strictObject({ entries: z.array(z.string()) }),
  z.strictObject({ letters: z.array(z.string()) }),
])
export type Node = z.infer<typeof node>

export const rootLetters = 2
/** About 5 KiB of names: rewritten whole for each new entry, so small is quick. */
export const leafEntries = 128

export type Groups = ReadonlyMap<string, readonly string[]>

/**
 * What to write, in this order: `first` the node, then the children's entries, `last` the node. A crash between two
 * steps loses nothing that was there before: a branch may name a child that is still absent, which reads as empty,
 * and a leaf is only emptied once its children hold all of it.
 */
export interface Plan {
  readonly first?: Node
  readonly children?: Groups
  readonly last?: Node
}

export function groupByLetter(entries: readonly string[], depth: number): Groups {
  const groups = new Map<string, string[]>()
  for (const entry of entries) {
    const letter = lettersOf(entry)[depth] ?? ''
    const group = groups.get(letter)
    if (group) group.push(entry)
    else groups.set(letter, [entry])
  }
  return groups
}

const union = (present: readonly string[], more: Iterable<string>): string[] =>
  [...new Set([...present, ...more])].sort()

/** Put entries under the node of a prefix of `depth` letters. An empty plan: they are all there. */
export function planInsert(current: Node | undefined, depth: number, entries: readonly string[]): Plan {
  if (current && 'letters' in current) {
    const children = groupByLetter(entries, depth)
    const letters = union(current.letters, children.keys())
    return letters.length === current.letters.length ? { children } : { first: { letters }, children }
  }
  const present = current?.entries ?? []
  const all = union(present, entries)
  if (all.length === present.length) return {}
  if (all.length <= leafEntries) return { first: { entries: all } }
  const children = groupByLetter(all, depth)
  return { children, last: { letters: [...children.keys()].sort() } }
}

/** Take entries away. Branches stay: the next insert may use them. */
export function planRemove(current: Node | undefined, depth: number, entries: readonly string[]): Plan {
  if (!current) return {}
  if ('letters' in current) {
    const groups = groupByLetter(entries, depth)
    return { children: new Map([...groups].filter(([letter]) => current.letters.includes(letter))) }
  }
  const kept = current.entries.filter((entry) => !entries.includes(entry))
  return kept.length === current.entries.length ? {} : { first: { entries: kept } }
}
