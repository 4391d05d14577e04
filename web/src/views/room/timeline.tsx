import type { ConversationId } from '@parley/contracts'
import { ArrowDown } from 'lucide-react'
import { useMemo } from 'react'
import { useSession } from '../../app/context.ts'
import { usernamesOf } from '../../model/names.ts'
import { timeline } from '../../model/timeline.ts'
import { Announcer } from './announcer.tsx'
import { Rows } from './rows.tsx'
import styles from './timeline.module.css'
import { TimelineTop } from './timeline-top.tsx'
import { TypingLine } from './typing-line.tsx'
import { useScroll } from './use-scroll.ts'

const none = [] as const

export function Timeline({ id }: { id: ConversationId }) {
  const room = useSession((session) => session.rooms.get(id))
  const unsent = useSession((session) => session.outboxes.get(id) ?? none)
  const people = useSession((session) => session.people)
  const conversation = useSession(({ inbox }) => inbox.items.get(id)?.conversation)
  const direct = conversation?.kind === 'direct'
  const rows = useMemo(
    // Who was added is no news between two.
    () => (room ? timeline(direct ? { ...room, lines: [] } : room, unsent) : none),
    [room, unsent, direct],
  )
  const usernames = useMemo(() => usernamesOf(conversation, people), [conversation, people])
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
        <TimelineTop id={id} room={room} empty={rows.length === 0} />
        <Rows rows={rows} usernames={usernames} direct={direct} />
        <TypingLine id={id} />
      </section>
      {scroll.atEnd === false && (
        <button type="button" className={styles.jump} onClick={scroll.toEnd}>
          <ArrowDown aria-hidden="true" />
          {missed > 0 ? `${missed} new` : <span className="unseen">Jump to the latest message</span>}
        </button>
      )}
      <Announcer id={id} />
    </div>
  )
}
