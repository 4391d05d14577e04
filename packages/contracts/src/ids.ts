import { z } from 'zod'

/** Ids are opaque to clients. Ours are URL-safe, so that they can stand in paths, keys and room names. */
const id = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, _ or -')

export const userId = id.brand<'UserId'>()
export const conversationId = id.brand<'ConversationId'>()
export const sessionId = id.brand<'SessionId'>()

/** Chosen by the client, unique per conversation and sender for ever: what makes a send repeatable. */
export const clientId = z
  .string()
  .min(1)
  .max(128)
  .refine((text) => text.isWellFormed(), 'must be well-formed Unicode')

/** The position of an entry in the log of its conversation: gapless, from 1. 0 stands before the first. */
export const seq = z.number().int().min(1)
export const cursor = z.number().int().min(0)

export const timestamp = z.iso.datetime({ precision: 3 })

export type UserId = z.infer<typeof userId>
export type ConversationId = z.infer<typeof conversationId>
export type SessionId = z.infer<typeof sessionId>
