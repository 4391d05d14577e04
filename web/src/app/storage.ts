import { browserStorage, memoryStorage, type Storage } from '@parley/client'

/** Where the browser lets nobody keep anything, chatting goes on, and a reload forgets. */
function open(find: () => globalThis.Storage): Storage {
  try {
    return browserStorage(find())
  } catch {
    return memoryStorage()
  }
}

export const lasting = open(() => localStorage)
export const ofThisTab = open(() => sessionStorage)
