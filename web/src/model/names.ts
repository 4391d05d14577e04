import { type Inbox, listed } from '@parley/client'
import type { Conversation, Entry, PublicUser, UserId } from '@parley/contracts'

type People = ReadonlyMap<UserId, PublicUser>

/** Empty while nobody knows yet. */
export const nameOf = (people: People, id: UserId): string => people.get(id)?.displayName ?? ''

/** The other one of a direct conversation; myself where I talk to myself. */
export function partnerOf(conversation: Conversation, me: UserId): UserId | undefined {
  if (conversation.kind !== 'direct') return undefined
  return conversation.memberIds?.find((id) => id !== me) ?? me
}

export function titleOf(conversation: Conversation, me: UserId, people: People): string {
  const partner = partnerOf(conversation, me)
  if (partner !== undefined) return nameOf(people, partner)
  if (conversation.title) return conversation.title
  const others = (conversation.memberIds ?? []).filter((id) => id !== me).slice(0, 3)
  return (
    others
      .map((id) => firstName(nameOf(people, id)))
      .filter((name) => name !== '')
      .join(', ') || 'Group'
  )
}

export const firstName = (name: string): string => name.split(' ')[0] ?? name

/** At most two letters; the first emoji of a name counts as one. */
export function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean)
  const letters = [words[0], words.length > 1 ? words.at(-1) : undefined].map(
    (word) => [...(word ?? '')][0] ?? '',
  )
  return letters.join('').toUpperCase()
}

/** Which of the eight colours of avatars: the same everywhere for one id. */
export function hueOf(id: string): number {
  let hash = 0
  for (const letter of id) hash = (Math.imul(hash, 31) + letter.charCodeAt(0)) >>> 0
  return hash % 8
}

export function listNames(names: readonly string[]): string {
  if (names.length > 4) return `${names.slice(0, 3).join(', ')} and ${names.length - 3} others`
  return new Intl.ListFormat('en', { type: 'conjunction' }).format(names)
}

/** A line of a conversation that nobody wrote. */
export function describe(entries: readonly [Entry, ...Entry[]], me: UserId, people: People): string {
  const [entry] = entries
  const name = (id: UserId) => (id === me ? 'you' : nameOf(people, id) || 'Someone')
  const by = entry.by === me ? 'You' : name(entry.by)
  if (entry.kind === 'conversation') {
    const { title, kind } = entry.conversation
    const what = kind === 'channel' ? 'channel' : 'group'
    if (entry.seq === 1) return `${by} created the ${what}${title ? ` “${title}”` : ''}`
    return `${by} renamed the ${what} to “${title ?? ''}”`
  }
  if (entry.kind !== 'member') return ''
  switch (entry.change) {
    case 'added': {
      const added = entries.flatMap((each) => (each.kind === 'member' ? [name(each.userId)] : []))
      return `${by} added ${listNames(added)}`
    }
    case 'removed':
      return entry.by === entry.userId ? `${by} left` : `${by} removed ${name(entry.userId)}`
    case 'role': {
      const whom = entry.userId === me ? 'You are' : `${name(entry.userId)} is`
      return `${whom} now ${entry.role === 'member' ? 'a member' : `an ${entry.role ?? 'admin'}`}`
    }
  }
}

export function typingLine(names: readonly string[]): string {
  if (names.length === 0) return ''
  if (names.length > 2) return 'Several people are typing'
  return `${names.join(' and ')} ${names.length === 1 ? 'is' : 'are'} typing`
}

/** Whom one can mention in this conversation: small letters → who. */
export function usernamesOf(
  conversation: Conversation | undefined,
  people: People,
): ReadonlyMap<string, UserId> {
  const ids = conversation?.memberIds ?? []
  return new Map(
    ids.flatMap((id) => {
      const username = people.get(id)?.username
      return username ? [[username.toLowerCase(), id] as const] : []
    }),
  )
}

/** Those I have direct conversations with, the latest first. */
export function acquaintances(inbox: Inbox, people: People): readonly PublicUser[] {
  return listed(inbox).flatMap(({ conversation }) => {
    const partner = partnerOf(conversation, inbox.me)
    const person = partner === undefined ? undefined : people.get(partner)
    return person ? [person] : []
  })
}
