import { listed } from '@parley/client'
import { MessageCirclePlus } from 'lucide-react'
import { type UIEvent, useMemo } from 'react'
import { useActions, useSession } from '../../app/context.ts'
import { useNow } from '../../app/use-now.ts'
import { isWorthListing } from '../../model/preview.ts'
import { Button } from '../../parts/button.tsx'
import { Empty } from '../../parts/empty.tsx'
import { Notice } from '../../parts/notice.tsx'
import { ConversationRow } from './conversation-row.tsx'
import styles from './sidebar.module.css'
import { SkeletonRows } from './skeleton-rows.tsx'

export function ConversationList({ onSearch }: { onSearch: () => void }) {
  const { retryList, loadMoreConversations } = useActions()
  const session = useSession((state) => state)
  const now = useNow()
  const items = useMemo(
    () => listed(session.inbox).filter((item) => isWorthListing(item, session)),
    [session],
  )
  const { cursor } = session.inbox
  function onScroll({ currentTarget: list }: UIEvent): void {
    const below = list.scrollHeight - list.scrollTop - list.clientHeight
    if (below < 600 && cursor) void loadMoreConversations()
  }
  const retry = <Button onClick={() => void retryList()}>Try again</Button>
  if (items.length === 0 && cursor === null) {
    if (!session.listFailed) return <SkeletonRows count={7} />
    return (
      <div className={styles.pad}>
        <Notice action={retry}>Your conversations could not be loaded.</Notice>
      </div>
    )
  }
  if (items.length === 0) {
    return (
      <Empty icon={<MessageCirclePlus />} title="No conversations yet">
        <p>Find a person by name or username and say hello.</p>
        <Button look="primary" onClick={onSearch}>
          Find people
        </Button>
      </Empty>
    )
  }
  return (
    <ul className={styles.list} onScroll={onScroll}>
      {items.map((item) => (
        <ConversationRow key={item.conversation.id} item={item} session={session} now={now} />
      ))}
      {cursor && <li className={styles.note}>{session.listFailed ? retry : 'Loading…'}</li>}
    </ul>
  )
}
