import { listed } from '@parley/client'
import type { UserId } from '@parley/contracts'
import { useActions, useSession } from '../../app/context.ts'
import { go } from '../../app/router.ts'
import { useNow } from '../../app/use-now.ts'
import { usePeopleSearch } from '../../app/use-people-search.ts'
import { useTask } from '../../app/use-task.ts'
import { explain } from '../../model/explain.ts'
import { titleOf } from '../../model/names.ts'
import { isWorthListing } from '../../model/preview.ts'
import { Notice } from '../../parts/notice.tsx'
import { ConversationRow } from './conversation-row.tsx'
import { PersonRow } from './person-row.tsx'
import styles from './sidebar.module.css'

const mostConversations = 5

/** What one looks for may be a conversation that there is, or a person to begin one with. */
export function SearchResults({ query, onDone }: { query: string; onDone: () => void }) {
  const { startDirect } = useActions()
  const session = useSession((state) => state)
  const now = useNow()
  const search = usePeopleSearch(query)
  const start = useTask(async (userId: UserId) => {
    const id = await startDirect(userId)
    onDone()
    go({ at: 'conversation', id, info: false })
  })
  const wanted = query.toLocaleLowerCase()
  const conversations = listed(session.inbox)
    .filter((item) => isWorthListing(item, session))
    .filter(({ conversation }) =>
      titleOf(conversation, session.me.id, session.people).toLocaleLowerCase().includes(wanted),
    )
    .slice(0, mostConversations)
  const people = search.people.filter(({ id }) => id !== session.me.id)
  const failure = start.error ?? search.error
  return (
    <div className={styles.list}>
      {conversations.length > 0 && (
        <section aria-labelledby="found-conversations">
          <h2 id="found-conversations" className={styles.section}>
            Conversations
          </h2>
          <ul>
            {conversations.map((item) => (
              <ConversationRow key={item.conversation.id} item={item} session={session} now={now} />
            ))}
          </ul>
        </section>
      )}
      <section aria-labelledby="found-people">
        <h2 id="found-people" className={styles.section}>
          People
        </h2>
        {failure && <Notice>{explain(failure)}</Notice>}
        <ul>
          {people.map((person) => (
            <li key={person.id}>
              <PersonRow person={person} disabled={start.busy} onClick={() => start.run(person.id)} />
            </li>
          ))}
        </ul>
        <p className={styles.note} role="status">
          {search.state === 'too-short' && 'Type one more letter to find people.'}
          {search.state === 'searching' && people.length === 0 && 'Searching…'}
          {search.state === 'done' && people.length === 0 && `Nobody is called “${query}”.`}
        </p>
      </section>
    </div>
  )
}
