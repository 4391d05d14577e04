import type { ConversationId } from '@parley/contracts'
import { ArrowDown } from 'lucide-react'
import { useMemo } from 'react'
import { useActions, useSession } from '../../app/context.ts'
import { usernamesOf } from '../../model/names.ts'
import { timeline } from '../../model/timeline.ts'
import { Button } from '../../parts/button.tsx'
import { Notice } from '../../parts/notice.tsx'
import { Announcer } from './announcer.tsx'
import { Rows } from './rows.tsx'
import styles from './timeline.module.css'
import { TypingLine } from './typing-line.tsx'
import { useScroll } from './use-scroll.ts'

const none = [] as const

export function Timeline({ id }: { id: ConversationId }) {
  const { reload } = useActions()
  const room = useSession((session) => session.rooms.get(id))
  const unsent = useSession((session) => session.outboxes.get(id) ?? none)
  const people = useSession((session) => session.people)
  const conversation = useSession(({ inbox }) => inbox.items.get(id)?.conversation)
  const rows = useMemo(
    () =>
      // Lines tell nothing in a conversation of two.
      room ? timeline(conversation?.kind === 'direct' ? { ...room, lines: [] } : room, unsent) : none,
    [room, unsent, conversation?.kind],
  )
  const usernames = useMemo(() => usernamesOf(conversation, people), [conversation, people])
  const loaded = room?.view.from !== undefined
  const scroll = useScroll(id, room, rows)
  const missed = room ? room.view.messages.filter(({ seq }) => seq > room.seenTo).length : 0

  return (
    <div className={styles.frame}>
      <section
        ref={scroll.ref}
        className={styles.scroller}
        onScroll={scroll.onScroll}
        aria-label="Messages"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keys
        tabIndex={0}
      >
        <div className={styles.top}>
          {room?.failed && (
            <Notice action={<Button onClick={() => void reload(id)}>Try again</Button>}>
              The messages could not be loaded.
            </Notice>
          )}
          {!room?.failed && (!loaded || room?.view.loading) && (
            <span className={styles.spinner} role="status" aria-label="Loading messages" />
          )}
          {loaded && !room.view.hasOlder && rows.length === 0 && (
            <p className={styles.begin}>This is where your conversation begins.</p>
          )}
        </div>
        <Rows rows={rows} usernames={usernames} direct={conversation?.kind === 'direct'} />
        <TypingLine id={id} />
      </section>
      {scroll.atBottom === false && (
        <button type="button" className={styles.jump} onClick={scroll.toBottom}>
          <ArrowDown aria-hidden="true" />
          {missed > 0 ? `${missed} new` : <span className="unseen">Jump to the latest message</span>}
        </button>
      )}
      <Announcer id={id} />
    </div>
  )
}
