import type { ConversationId, UserId } from '@parley/contracts'
import type { Clock } from './ports.ts'

/** Someone who said they type is believed for this long without being heard again. */
export const typingExpiresMs = 6_000
/** While I type, it is said again this often; and that I stopped, after a pause of `idleMs`. */
export const repeatMs = 3_000
export const idleMs = 4_000

/** Who types where. Entries expire by themselves: a `typing:stop` may be lost. */
export interface Typing {
  heard(conversationId: ConversationId, userId: UserId, active: boolean): void
  /** I pressed a key. */
  pressed(conversationId: ConversationId): void
  /** I sent the message or emptied the box. */
  stopped(conversationId: ConversationId): void
  who(conversationId: ConversationId): readonly UserId[]
  clear(): void
}

export function createTyping(deps: {
  clock: Clock
  say(conversationId: ConversationId, active: boolean): void
  onChanged(conversationId: ConversationId, userIds: readonly UserId[]): void
}): Typing {
  const heard = new Map<ConversationId, Map<UserId, { cancel(): void }>>()
  const mine = new Map<ConversationId, { saidAt: number; timer: { cancel(): void } }>()

  const who = (conversationId: ConversationId) => [...(heard.get(conversationId)?.keys() ?? [])]

  function forget(conversationId: ConversationId, userId: UserId): void {
    const people = heard.get(conversationId)
    const timer = people?.get(userId)
    if (!people || !timer) return
    timer.cancel()
    people.delete(userId)
    if (people.size === 0) heard.delete(conversationId)
    deps.onChanged(conversationId, who(conversationId))
  }

  function stopped(conversationId: ConversationId): void {
    const known = mine.get(conversationId)
    if (!known) return
    known.timer.cancel()
    mine.delete(conversationId)
    deps.say(conversationId, false)
  }

  return {
    heard(conversationId, userId, active) {
      if (!active) return forget(conversationId, userId)
      const people = heard.get(conversationId) ?? new Map<UserId, { cancel(): void }>()
      heard.set(conversationId, people)
      const known = people.get(userId)
      known?.cancel()
      people.set(
        userId,
        deps.clock.setTimeout(() => forget(conversationId, userId), typingExpiresMs),
      )
      if (!known) deps.onChanged(conversationId, who(conversationId))
    },
    pressed(conversationId) {
      const now = deps.clock.monotonic()
      const known = mine.get(conversationId)
      known?.timer.cancel()
      const due = !known || now - known.saidAt >= repeatMs
      if (due) deps.say(conversationId, true)
      mine.set(conversationId, {
        saidAt: due ? now : known.saidAt,
        timer: deps.clock.setTimeout(() => stopped(conversationId), idleMs),
      })
    },
    stopped,
    who,
    clear() {
      for (const { timer } of mine.values()) timer.cancel()
      mine.clear()
      for (const [conversationId, people] of [...heard]) {
        for (const timer of people.values()) timer.cancel()
        heard.delete(conversationId)
        deps.onChanged(conversationId, [])
      }
    },
  }
}
