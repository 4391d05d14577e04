import {
  type ConversationId,
  internalConversation,
  internalOnline,
  limits,
  lookUpUsers,
  type UserId,
} from '@parley/contracts'
import { ChatError, type Logger, type Sidecar } from '@parley/kit'

export interface OthersDeps {
  readonly sidecar: Pick<Sidecar, 'invoke'>
  readonly logger: Logger
}

export type Others = ReturnType<typeof createOthers>

/** What the other services know. Only who is a member has to be known for sure. */
export function createOthers({ sidecar, logger }: OthersDeps) {
  return {
    /** Nobody where the conversation is gone. Throws where it cannot be asked. */
    async membersOf(conversationId: ConversationId): Promise<ReadonlySet<UserId>> {
      try {
        const { memberIds } = await sidecar.invoke(internalConversation, { body: { conversationId } })
        return new Set(memberIds)
      } catch (error) {
        if (error instanceof ChatError && error.code === 'conversation_not_found') return new Set()
        throw error
      }
    },

    /** Who has a device connected sees the message there. A push too many does less harm than one that is missing. */
    async onlineAmong(userIds: readonly UserId[]): Promise<ReadonlySet<UserId>> {
      try {
        const asked = parts(userIds).map((part) =>
          sidecar.invoke(internalOnline, { body: { userIds: part } }),
        )
        return new Set((await Promise.all(asked)).flatMap((answer) => answer.userIds))
      } catch (error) {
        logger.warn({ err: error }, 'presence does not answer: pushing to all')
        return new Set()
      }
    },

    async namesOf(userIds: readonly UserId[]): Promise<ReadonlyMap<string, string>> {
      try {
        const asked = parts(userIds).map((part) => sidecar.invoke(lookUpUsers, { body: { userIds: part } }))
        const items = (await Promise.all(asked)).flatMap((answer) => answer.items)
        return new Map(items.map(({ id, displayName }) => [id, displayName]))
      } catch (error) {
        logger.warn({ err: error }, 'auth does not answer: pushing without names')
        return new Map()
      }
    },
  }
}

/** As many ids as one call takes: an event can hold hundreds of conversations of a hundred members each. */
function parts(userIds: readonly UserId[]): UserId[][] {
  const size = limits.conversationMembers
  const count = Math.ceil(userIds.length / size)
  return Array.from({ length: count }, (_, part) => userIds.slice(part * size, (part + 1) * size))
}
