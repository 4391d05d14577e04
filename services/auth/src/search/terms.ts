import { normalizeName } from '../names.ts'

/** Letters of a term that the index keeps: bounds the depth of the tree. Names that agree this far share a place. */
const indexedLetters = 32
const indexedWords = 4
/** Shorter queries would name half of all users. */
export const minimumLetters = 2

export interface Named {
  readonly id: string
  readonly username: string
  readonly displayName: string
}

/** What a query may be a prefix of: the username, and the display name from each of its first words on. */
export function termsOf(user: Pick<Named, 'username' | 'displayName'>): readonly string[] {
  const words = normalizeName(user.displayName).split(' ')
  const starts = words.slice(0, indexedWords).map((_, i) => words.slice(i).join(' '))
  return [...new Set([normalizeName(user.username), ...starts])]
}

/** The index is only a hint: it may name a user by a name from before. This decides. */
export const isFoundBy = (user: Pick<Named, 'username' | 'displayName'>, query: string): boolean =>
  termsOf(user).some((term) => term.startsWith(query))

export const lettersOf = (text: string): readonly string[] => [...text]

export const clipped = (term: string): string => lettersOf(term).slice(0, indexedLetters).join('')

/**
 * One string per term: sorts by term, then user. A term never holds a line break, and ids are equally long, so no
 * entry is a prefix of another: the tree can part any two of them, even a thousand users of one name.
 */
export function entriesOf(user: Named): readonly string[] {
  return termsOf(user)
    .filter((term) => lettersOf(term).length >= minimumLetters)
    .map((term) => `${clipped(term)}\n${user.id}`)
}

export const userIdOf = (entry: string): string => entry.slice(entry.indexOf('\n') + 1)
