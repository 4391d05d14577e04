import { z } from 'zod'
import * as entities from './entities.ts'
import { limits } from './limits.ts'
import { jwks, tokens } from './routes/auth.ts'
import { preferences, pushSubscription, webPushSubscription } from './routes/notifications.ts'
import { readiness, systemReadiness } from './routes/operations.ts'
import { syncAnswer, syncedConversation } from './socket-events.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** What stands under `components/schemas`, by the name that readers see. Everything else is written out in place. */
const named = {
  PublicUser: entities.publicUser,
  User: entities.user,
  Session: entities.session,
  Tokens: tokens,
  Jwks: jwks,
  Conversation: entities.conversation,
  ConversationSummary: entities.conversationSummary,
  Member: entities.member,
  Draft: entities.draft,
  Message: entities.message,
  Reaction: entities.reaction,
  Entry: entities.entry,
  HistoryPage: entities.historyPage,
  EntriesPage: entities.entriesPage,
  SyncedConversation: syncedConversation,
  SyncAnswer: syncAnswer,
  Presence: entities.presence,
  WebPushSubscription: webPushSubscription,
  PushSubscription: pushSubscription,
  Preferences: preferences,
  Readiness: readiness,
  SystemReadiness: systemReadiness,
} as const

/** What the refinements of a schema mean, for readers: JSON Schema cannot say a refinement. */
const described: readonly (readonly [z.ZodType, JsonSchema])[] = [
  [
    entities.text,
    {
      minLength: 1,
      maxLength: limits.textCharacters,
      description: `At most ${limits.textCharacters} characters and ${limits.textBytes} bytes in UTF-8.`,
    },
  ],
]

function registry(): z.core.$ZodRegistry<JsonSchema> {
  const registry = z.registry<JsonSchema>()
  for (const [id, schema] of Object.entries(named)) registry.add(schema, { id })
  for (const [schema, meta] of described) registry.add(schema, meta)
  return registry
}

/** Drops what zod adds for its own sake: the regular expression behind `date-time`, the bounds of safe integers. */
function tidy({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }): void {
  if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
  if ('id' in jsonSchema && typeof jsonSchema.id === 'string') delete jsonSchema.id
}

function relocate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(relocate)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      if (key === '$schema' || key === '$defs' || key === 'definitions') return []
      if (key === '$ref' && typeof inner === 'string')
        return [[key, inner.replace(/^#\/(?:\$defs|definitions)\//, '#/components/schemas/')]]
      return [[key, relocate(inner)]]
    }),
  )
}

/**
 * Zod → the schemas of a document. `io: 'input'` everywhere: a request is described before coercion, and an answer
 * stays open to members that a later version adds.
 */
export function documentSchemas(target: 'draft-2020-12' | 'draft-7') {
  const metadata = registry()
  const names = new Map<z.ZodType, string>(Object.entries(named).map(([id, schema]) => [schema, id]))
  const inPlace = (schema: z.ZodType) =>
    relocate(z.toJSONSchema(schema, { io: 'input', target, metadata, override: tidy })) as JsonSchema
  return {
    schemaOf(schema: z.ZodType): JsonSchema {
      const name = names.get(schema)
      return name === undefined ? inPlace(schema) : { $ref: `#/components/schemas/${name}` }
    },
    /** Never a reference, for where the document needs the members one by one. */
    inPlace,
    components: Object.fromEntries(Object.entries(named).map(([id, schema]) => [id, inPlace(schema)])),
  }
}
