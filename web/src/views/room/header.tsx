import type { Conversation, ConversationId } from '@parley/contracts'
import { ArrowLeft, PanelRight } from 'lucide-react'
import { useSession } from '../../app/context.ts'
import { locale } from '../../app/locale.ts'
import { go, goUp, useRoute } from '../../app/router.ts'
import { useNow } from '../../app/use-now.ts'
import { usePresence } from '../../app/use-presence.ts'
import { nameOf, partnerOf, titleOf } from '../../model/names.ts'
import { presenceWords } from '../../model/presence.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { IconButton } from '../../parts/button.tsx'
import styles from './room.module.css'

export function RoomHeader(props: { id: ConversationId; conversation: Conversation | undefined }) {
  const { id, conversation } = props
  const route = useRoute()
  const me = useSession((session) => session.me.id)
  const people = useSession((session) => session.people)
  const partner = conversation && partnerOf(conversation, me)
  const presence = usePresence(partner)
  const now = useNow()
  const title = conversation ? titleOf(conversation, me, people) : ''
  const infoShown = route.at === 'conversation' && route.info
  const below = partner === undefined ? groupWords() : presenceWords(presence, now, locale)

  const toggleInfo = () => (infoShown ? goUp() : go({ at: 'conversation', id, info: true }))

  function groupWords(): string {
    if (!conversation) return ''
    const names = (conversation.memberIds ?? [])
      .filter((each) => each !== me)
      .map((each) => nameOf(people, each))
    const known = names.filter((name) => name !== '').slice(0, 5)
    const count = conversation.memberCount === 1 ? 'Only you' : `${conversation.memberCount} members`
    return known.length > 0 && known.length < 5 ? `You, ${known.join(', ')}` : count
  }

  return (
    <header className={styles.header}>
      <IconButton
        className={styles.back ?? ''}
        label="Back to your chats"
        icon={<ArrowLeft />}
        onClick={goUp}
      />
      <h2 className={styles.heading}>
        <button type="button" className={styles.who} aria-expanded={infoShown} onClick={toggleInfo}>
          <Avatar
            id={partner ?? id}
            name={title}
            group={conversation !== undefined && partner === undefined}
            status={presence?.status}
          />
          <span className={styles.names}>
            <span className={styles.title}>{title}</span>
            <span className={`${styles.below} ${presence?.status === 'online' ? styles.live : ''}`}>
              {below}
            </span>
          </span>
        </button>
      </h2>
      <IconButton
        label={infoShown ? 'Hide details' : 'Show details'}
        icon={<PanelRight />}
        aria-expanded={infoShown}
        onClick={toggleInfo}
      />
    </header>
  )
}
