import type { InboxItem } from '@parley/client'
import { Clock, TriangleAlert } from 'lucide-react'
import { locale } from '../../app/locale.ts'
import { usePresence } from '../../app/use-presence.ts'
import { firstName, nameOf, partnerOf, titleOf, typingLine } from '../../model/names.ts'
import { previewOf, unreadOf } from '../../model/preview.ts'
import type { Session } from '../../model/state.ts'
import { shortTime } from '../../model/time.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { Place } from '../../parts/place.tsx'
import styles from './row.module.css'

export function ConversationRow(props: { item: InboxItem; session: Session; now: number }) {
  const { item, session, now } = props
  const { conversation, mentions } = item
  const { id } = conversation
  const partner = partnerOf(conversation, session.me.id)
  const title = titleOf(conversation, session.me.id, session.people)
  const status = usePresence(partner)?.status
  const unread = unreadOf(item, session)
  const preview = previewOf(item, session.outboxes.get(id) ?? [], session)
  const typing = (session.typing.get(id) ?? []).map((userId) => firstName(nameOf(session.people, userId)))
  const typingText = partner !== undefined && typing.length > 0 ? 'typing…' : typingLine(typing)
  return (
    <li>
      <Place
        to={{ at: 'conversation', id, info: false }}
        className={`${styles.row} ${unread > 0 ? styles.unread : ''}`}
        current={session.open === id}
      >
        <Avatar id={partner ?? id} name={title} group={partner === undefined} status={status} />
        <span className={styles.title}>{title}</span>
        <time className={styles.time} dateTime={new Date(preview.at).toISOString()}>
          {shortTime(preview.at, now, locale)}
        </time>
        <span className={`${styles.preview} ${unread > 0 ? '' : styles.wide}`}>
          {preview.unsent === 'waiting' && <Clock role="img" aria-label="Not sent yet" />}
          {preview.unsent === 'failed' && <TriangleAlert role="img" aria-label="Not sent" />}
          {typingText !== '' ? (
            <span className={styles.typing}>{typingText}</span>
          ) : (
            `${preview.by && `${preview.by}: `}${preview.text}`
          )}
        </span>
        {unread > 0 && (
          <span className={styles.badges}>
            {mentions > 0 && (
              <span className={styles.badge}>
                <span aria-hidden="true">@</span>
                <span className="unseen">You are mentioned,</span>
              </span>
            )}
            <span className={styles.badge}>
              {unread > 99 ? '99+' : unread}
              <span className="unseen"> unread</span>
            </span>
          </span>
        )}
      </Place>
    </li>
  )
}
