import type { UserId } from '@parley/contracts'
import { Check, Clock, TriangleAlert } from 'lucide-react'
import { memo, useMemo } from 'react'
import { useActions } from '../../app/context.ts'
import { locale } from '../../app/locale.ts'
import { explain } from '../../model/explain.ts'
import { isJumbo, partsOf, type Usernames } from '../../model/text.ts'
import { clock, fullTime } from '../../model/time.ts'
import type { Item, Status } from '../../model/timeline.ts'
import styles from './message.module.css'

const words: Record<Status, string> = {
  waiting: 'Waiting for a connection',
  sending: 'Sending',
  stored: 'Sent',
  failed: 'Not sent',
}
const icons: Record<Status, typeof Check> = {
  waiting: Clock,
  sending: Clock,
  stored: Check,
  failed: TriangleAlert,
}

export const Bubble = memo(function Bubble(props: { item: Item; usernames: Usernames; me: UserId }) {
  const { item, usernames, me } = props
  const { message, status } = item
  const mine = !message || message.senderId === me
  const deleted = message?.deletedAt !== undefined
  const jumbo = !deleted && isJumbo(item.text)
  const Icon = icons[status]
  return (
    <>
      <div
        className={`${styles.bubble} ${jumbo ? styles.jumbo : ''}`}
        data-key={item.key}
        data-status={status}
      >
        <span>
          {deleted ? (
            <em>This message was deleted.</em>
          ) : (
            <Text text={item.text} usernames={usernames} me={me} />
          )}
        </span>
        <span className={styles.meta}>
          {message?.editedAt && !deleted && 'edited '}
          <time dateTime={new Date(item.at).toISOString()} title={fullTime(item.at, locale)}>
            {clock(item.at, locale)}
          </time>
          {mine && <Icon role="img" aria-label={words[status]} />}
        </span>
      </div>
      {status === 'failed' && <Failed item={item} />}
    </>
  )
})

function Text({ text, usernames, me }: { text: string; usernames: Usernames; me: UserId }) {
  const parts = useMemo(() => partsOf(text, usernames), [text, usernames])
  return parts.map((part, index) => {
    // biome-ignore-start lint/suspicious/noArrayIndexKey: the parts of one text have no other name
    switch (part.kind) {
      case 'text':
        return part.text
      case 'link':
        return (
          <a key={index} href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {part.text}
          </a>
        )
      case 'mention':
        return (
          <span key={index} className={part.userId === me ? styles.me : styles.mention}>
            {part.text}
          </span>
        )
    }
    // biome-ignore-end lint/suspicious/noArrayIndexKey: the parts of one text have no other name
    return null
  })
}

function Failed({ item }: { item: Item }) {
  const { retry, discard } = useActions()
  const reason = item.error && explain(item.error as Parameters<typeof explain>[0])
  return (
    <p className={styles.failure} role="alert">
      Not sent. {reason}
      <button type="button" onClick={() => retry(item.clientId)}>
        Try again
      </button>
      <button type="button" onClick={() => discard(item.clientId)}>
        Discard
      </button>
    </p>
  )
}
