import type { ConversationId } from '@parley/contracts'
import { ChatError, type Clock, type DocumentStore, type Logger } from '@parley/kit'
import { createHistory, type History } from './history.ts'
import { createProjector, type Projector } from './projector.ts'
import type { StoredEntry } from './stored.ts'
import type { View } from './view.ts'
import { createViews, type Views } from './views.ts'
import { createWriter, type LogWatch, type TailLimits, tailLimits, type Writer } from './writer.ts'

export interface ConversationLog {
  readonly views: Views
  readonly writer: Writer
  readonly history: History
  readonly projector: Projector
  /** Projects and forgets the conversations that are in memory beyond the limit. */
  trimMemory(): Promise<void>
}

const unwatched: LogWatch = { committed() {}, damaged() {} }

/** The log of every conversation: the truth that all else is derived from. */
export function createConversationLog(deps: {
  store: DocumentStore
  clock: Clock
  logger: Logger
  newNonce: () => string
  /** Writes what member entries mean for the people; called before the projection moves past them. */
  writeInboxes: (conversation: ConversationId, entries: readonly StoredEntry[]) => Promise<void>
  maxViews: number
  tail?: TailLimits
  watch?: LogWatch
}): ConversationLog {
  const { store, logger, tail = tailLimits, watch = unwatched } = deps
  const views = createViews(store, deps.maxViews, logger, watch)
  const projector = createProjector(store, views, deps.writeInboxes, { dueEntries: tail.entries, logger })
  const writer = createWriter({ ...deps, views, projector, tail, watch })

  /** One that cannot be projected stays, and must not keep all the others in memory, too. */
  async function isProjected(view: View): Promise<boolean> {
    try {
      return await projector.project(view)
    } catch (error) {
      if (error instanceof ChatError && error.code === 'unavailable') throw error
      logger.error({ err: error, conversation: view.id }, 'a conversation cannot be projected')
      return false
    }
  }

  return {
    views,
    writer,
    history: createHistory(store),
    projector,
    async trimMemory() {
      for (const view of views.overflow()) if (await isProjected(view)) views.forget(view)
    },
  }
}
