import { MessagesSquare } from 'lucide-react'
import { useEffect } from 'react'
import { useSession } from '../app/context.ts'
import { useRoute } from '../app/router.ts'
import { firstName } from '../model/names.ts'
import { unreadInAll } from '../model/preview.ts'
import { Empty } from '../parts/empty.tsx'
import { ConnectionPill } from './connection-pill.tsx'
import { InfoPanel } from './info/info-panel.tsx'
import { NewGroup } from './info/new-group.tsx'
import { Sidebar } from './list/sidebar.tsx'
import { Room } from './room/room.tsx'
import styles from './shell.module.css'

/** On a phone one screen at a time; on wide windows list and conversation side by side, and the details as well. */
export function Shell() {
  const route = useRoute()
  const unread = useSession(unreadInAll)
  useEffect(() => {
    document.title = unread > 0 ? `(${unread}) Parley` : 'Parley'
    return () => {
      document.title = 'Parley'
    }
  }, [unread])
  return (
    <main className={styles.shell} data-at={route.at}>
      <Sidebar />
      <div className={styles.place}>
        {route.at === 'list' && <Welcome />}
        {route.at === 'new-group' && <NewGroup />}
        {route.at === 'conversation' && <Room key={route.id} id={route.id} />}
      </div>
      {route.at === 'conversation' && route.info && <InfoPanel key={route.id} id={route.id} />}
      <ConnectionPill />
    </main>
  )
}

function Welcome() {
  const name = useSession((session) => firstName(session.me.displayName))
  const isNew = useSession(({ inbox }) => inbox.items.size === 0)
  return (
    <Empty icon={<MessagesSquare />} title={isNew ? `Welcome, ${name}` : 'Choose a conversation'}>
      <p>
        {isNew
          ? 'Search for someone by name or username, or gather several people in a group.'
          : 'Or search for someone by name to start a new one.'}
      </p>
    </Empty>
  )
}
