import { asParleyError, type Chat, listed, type Storage } from '@parley/client'
import { getUser, type PublicUser, publicUser, type UserId } from '@parley/contracts'
import { z } from 'zod'
import { partnerOf } from '../model/names.ts'
import type { Session } from '../model/state.ts'
import type { AppStore } from './wire.ts'

const atOnce = 6
const freshMs = 24 * 60 * 60_000
const kept = 500
const key = 'parley.people'
const saved = z.array(publicUser.extend({ at: z.number() }))

/** Names of the people who are on the screen. They are kept for a day, so that a reload does not blink. */
export function namePeople(chat: Chat, store: AppStore, storage: Storage): void {
  const known = new Map(load(storage).map((person) => [person.id, person]))
  const asked = new Set<UserId>()
  const queue: UserId[] = []
  let running = 0
  let seen: Session | undefined

  function look(): void {
    const { session } = store.get()
    if (!session || !mayNeedMore(session, seen)) return
    seen = session
    const cached: PublicUser[] = []
    for (const id of onScreen(session)) {
      if (session.people.has(id) || asked.has(id)) continue
      const person = known.get(id)
      if (person) cached.push(person)
      if (person && Date.now() - person.at < freshMs) continue
      asked.add(id)
      queue.push(id)
    }
    if (cached.length > 0) store.dispatch({ type: 'people', people: cached })
    work()
  }

  function work(): void {
    while (running < atOnce) {
      const id = queue.shift()
      if (id === undefined) return
      running++
      void ask(id).finally(() => {
        running--
        work()
      })
    }
  }

  async function ask(userId: UserId): Promise<void> {
    try {
      const person = await chat.call(getUser, { params: { userId } })
      known.delete(userId)
      known.set(userId, { ...person, at: Date.now() })
      storage.set(key, JSON.stringify([...known.values()].slice(-kept)))
      store.dispatch({ type: 'people', people: [person] })
    } catch (error) {
      if (asParleyError(error).code !== 'user_not_found') return void asked.delete(userId)
      const unknown = { id: userId, username: '', displayName: 'Former member' }
      store.dispatch({ type: 'people', people: [unknown] })
    }
  }

  store.subscribe(look)
  chat.on('signedOut', () => {
    storage.remove(key)
    for (const collection of [known, asked]) collection.clear()
    queue.length = 0
  })
}

/** Compared by identity: most happenings, such as presence, ask for nobody's name. */
const mayNeedMore = (now: Session, before: Session | undefined): boolean =>
  now.inbox !== before?.inbox ||
  now.rooms !== before.rooms ||
  now.open !== before.open ||
  now.typing !== before.typing

function onScreen({ inbox, open, rooms, typing }: Session): Set<UserId> {
  const ids = new Set<UserId>()
  for (const { conversation, lastMessage } of inbox.items.values()) {
    const partner = partnerOf(conversation, inbox.me)
    if (partner !== undefined) ids.add(partner)
    else if (lastMessage) ids.add(lastMessage.senderId)
    if (partner === undefined && !conversation.title) {
      for (const id of (conversation.memberIds ?? []).slice(0, 4)) ids.add(id)
    }
  }
  if (open === undefined) return ids
  for (const id of inbox.items.get(open)?.conversation.memberIds ?? []) ids.add(id)
  for (const id of typing.get(open) ?? []) ids.add(id)
  const room = rooms.get(open)
  for (const { senderId } of room?.view.messages ?? []) ids.add(senderId)
  for (const entry of room?.lines ?? []) {
    ids.add(entry.by)
    if (entry.kind === 'member') ids.add(entry.userId)
  }
  return ids
}

/** Whose presence shows: at most this many, the latest conversations first. */
export function watched(session: Session, limit: number): readonly UserId[] {
  const { inbox, open } = session
  const ids = new Set<UserId>()
  const members = open === undefined ? [] : (inbox.items.get(open)?.conversation.memberIds ?? [])
  for (const id of members) ids.add(id)
  for (const { conversation } of listed(inbox)) {
    const partner = partnerOf(conversation, inbox.me)
    if (partner !== undefined) ids.add(partner)
  }
  ids.delete(inbox.me)
  return [...ids].slice(0, limit)
}

function load(storage: Storage): z.infer<typeof saved> {
  try {
    return saved.parse(JSON.parse(storage.get(key) ?? '[]'))
  } catch {
    return []
  }
}
