import type { ConversationId } from '@parley/contracts'
import { useSession } from '../../app/context.ts'
import { locale } from '../../app/locale.ts'
import { useNow } from '../../app/use-now.ts'
import { usePresence } from '../../app/use-presence.ts'
import { partnerOf, titleOf } from '../../model/names.ts'
import { presenceWords } from '../../model/presence.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { Pane } from '../../parts/pane.tsx'
import { GroupTitle } from './group-title.tsx'
import styles from './info.module.css'
import { Members } from './members.tsx'

export function InfoPanel({ id }: { id: ConversationId }) {
  const conversation = useSession(({ inbox }) => inbox.items.get(id)?.conversation)
  const me = useSession((session) => session.me.id)
  const people = useSession((session) => session.people)
  if (!conversation) return null
  const partner = partnerOf(conversation, me)
  const title = titleOf(conversation, me, people)
  return (
    <Pane beside title={partner === undefined ? 'Group' : 'Person'}>
      <div className={styles.head}>
        <Avatar id={partner ?? id} name={title} size="large" group={partner === undefined} />
        {partner === undefined ? (
          <GroupTitle key={title} conversation={conversation} title={title} />
        ) : (
          <strong>{title}</strong>
        )}
        {partner !== undefined && <Person id={partner} />}
      </div>
      {partner === undefined && <Members conversation={conversation} />}
    </Pane>
  )
}

function Person({ id }: { id: Parameters<typeof usePresence>[0] & string }) {
  const person = useSession(({ people }) => people.get(id))
  const presence = usePresence(id)
  const now = useNow()
  return (
    <p>
      {person && `@${person.username}`}
      <br />
      {presenceWords(presence, now, locale)}
    </p>
  )
}
