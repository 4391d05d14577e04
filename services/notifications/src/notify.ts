import {
  internalConversation,
  internalOnline,
  lookUpUsers,
  type MessageStored,
  type UserId,
} from '@parley/contracts'
import {
  ChatError,
  type Clock,
  type CreateItem,
  type DocumentStore,
  type Logger,
  type Sidecar,
} from '@parley/kit'
import * as documents from './documents.ts'
import { compose } from './domain/payload.ts'
import {
  type Candidate,
  candidates,
  needsMembers,
  pushWithinMs,
  type StoredConversation,
  wants,
} from './domain/recipients.ts'
import type { Outbox } from './outbox.ts'
import type { Subscriptions } from './subscriptions.ts'

export interface NotifyDeps {
  readonly store: DocumentStore
  readonly clock: Clock
  readonly logger: Logger
  readonly sidecar: Pick<Sidecar, 'invoke'>
  readonly outbox: Outbox
  readonly subscriptions: Subscriptions
}

/** One push: a message to one subscription of one person. */
interface Push {
  readonly candidate: Candidate
  readonly userId: UserId
  readonly subscriptionId: string
  readonly preview: boolean
}

/** Records in one bulk write. */
const batchSize = 100

/**
 * Notes the pushes of stored messages. It is done when they are in the store: carrying them out is the outbox's, so
 * that the broker waits for no push service, and forgets nothing either. Where the outbox is full it throws: then the
 * event stays with the broker.
 */
export function createNotify(deps: NotifyDeps): (data: MessageStored) => Promise<void> {
  const { store, clock, logger, sidecar, outbox, subscriptions } = deps

  /** A large conversation's members; nobody where it is gone. */
  async function membersOf(conversation: StoredConversation): Promise<ReadonlySet<UserId>> {
    if (!needsMembers(conversation, clock.now())) return new Set()
    const { conversationId } = conversation
    try {
      const { memberIds } = await sidecar.invoke(internalConversation, { body: { conversationId } })
      return new Set(memberIds)
    } catch (error) {
      if (error instanceof ChatError && error.code === 'conversation_not_found') return new Set()
      throw error
    }
  }

  /** Who has a device connected sees the message there. A push too many does less harm than one that is missing. */
  async function withoutOnline(userIds: readonly UserId[]): Promise<Set<UserId>> {
    try {
      const online = await sidecar.invoke(internalOnline, { body: { userIds: [...userIds] } })
      const connected = new Set(online.userIds)
      return new Set(userIds.filter((userId) => !connected.has(userId)))
    } catch (error) {
      logger.warn({ err: error }, 'presence does not answer: pushing to all')
      return new Set(userIds)
    }
  }

  async function namesOf(userIds: readonly UserId[]): Promise<Map<string, string>> {
    try {
      const { items } = await sidecar.invoke(lookUpUsers, { body: { userIds: [...userIds] } })
      return new Map(items.map(({ id, displayName }) => [id, displayName]))
    } catch (error) {
      logger.warn({ err: error }, 'auth does not answer: pushing without names')
      return new Map()
    }
  }

  /** First whatever shrinks the list at the price of a read, then presence once for all that is left. */
  async function plan(all: readonly Candidate[]): Promise<Push[]> {
    const subscribed = await subscriptions.idsOf([...new Set(all.flatMap(({ userIds }) => userIds))])
    if (subscribed.size === 0) return []
    const preferencesOf = await subscriptions.preferencesOf([...subscribed.keys()])
    const wanted = all.flatMap((candidate) =>
      candidate.userIds.flatMap((userId) => {
        const ids = subscribed.get(userId) ?? []
        const preferences = preferencesOf(userId)
        if (!wants(preferences, candidate.message, userId)) return []
        const { preview } = preferences
        return ids.map((subscriptionId): Push => ({ candidate, userId, subscriptionId, preview }))
      }),
    )
    if (wanted.length === 0) return []
    const away = await withoutOnline([...new Set(wanted.map(({ userId }) => userId))])
    return wanted.filter(({ userId }) => away.has(userId))
  }

  function toItem(push: Push, names: ReadonlyMap<string, string>): CreateItem<documents.Pushed> {
    const { candidate, userId, subscriptionId, preview } = push
    const { conversation, message } = candidate
    const validUntil = Date.parse(message.createdAt) + pushWithinMs
    const value: documents.Pushed = {
      state: 'owed',
      userId,
      subscriptionId,
      payload: compose({
        kind: conversation.kind,
        title: conversation.title,
        senderName: names.get(message.senderId),
        message,
        preview,
      }),
      topic: documents.topicOf(message.conversationId),
      validUntil,
      attempts: 0,
    }
    // Kept as long as the message may be pushed: after that a redelivery of it is too old to come this far.
    return { key: `${message.conversationId}:${message.seq}:${subscriptionId}`, value, expiresAt: validUntil }
  }

  /** Creates the records; answers the keys of those that are owed, also from an earlier try that went no further. */
  async function record(items: readonly CreateItem<documents.Pushed>[]): Promise<string[]> {
    const owed: string[] = []
    for (let from = 0; from < items.length; from += batchSize) {
      const batch = items.slice(from, from + batchSize)
      const outcomes = await store.createMany(documents.pushed, batch)
      outcomes.forEach((result, index) => {
        if (result.outcome === 'unknown') throw new ChatError('unavailable')
        const over = result.outcome === 'exists' && result.stored.value.state !== 'owed'
        const key = batch[index]?.key
        if (!over && key !== undefined) owed.push(key)
      })
    }
    return owed
  }

  return async ({ conversations }) => {
    const found = await Promise.all(
      conversations.map(async (conversation) =>
        candidates(conversation, await membersOf(conversation), clock.now()),
      ),
    )
    const pushes = await plan(found.flat())
    if (pushes.length === 0) return
    const names = await namesOf([...new Set(pushes.map(({ candidate }) => candidate.message.senderId))])
    const owed = await record(pushes.map((push) => toItem(push, names)))
    if (owed.length > 0) await outbox.add(owed, clock.now())
  }
}
