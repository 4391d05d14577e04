import type { ConversationId } from '@parley/contracts'
import { type RefObject, useEffect, useLayoutEffect, useState } from 'react'
import { drafts } from '../../app/drafts.ts'

/** What is being written here, kept while one is elsewhere; the box is as high as its text. */
export function useDraft(id: ConversationId, box: RefObject<HTMLTextAreaElement | null>) {
  const [text, setText] = useState(() => drafts.get(id))
  useEffect(() => drafts.set(id, text), [id, text])
  // biome-ignore lint/correctness/useExhaustiveDependencies: another text, another height
  useLayoutEffect(() => {
    const area = box.current
    if (!area) return
    area.style.height = 'auto'
    area.style.height = `${area.scrollHeight}px`
  }, [box, text])
  return [text, setText] as const
}
