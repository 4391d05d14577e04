import { Search, SquarePen, X } from 'lucide-react'
import { useRef, useState } from 'react'
import { useSession } from '../../app/context.ts'
import { go } from '../../app/router.ts'
import { Avatar } from '../../parts/avatar.tsx'
import { IconButton } from '../../parts/button.tsx'
import { AccountDialog } from './account-dialog.tsx'
import { ConversationList } from './conversation-list.tsx'
import { SearchResults } from './search-results.tsx'
import styles from './sidebar.module.css'

export function Sidebar() {
  const me = useSession((session) => session.me)
  const [query, setQuery] = useState('')
  const [account, setAccount] = useState(false)
  const search = useRef<HTMLInputElement>(null)
  const clear = () => setQuery('')
  return (
    <nav className={styles.sidebar} aria-label="Conversations">
      <header className={styles.header}>
        <button
          type="button"
          className={styles.me}
          aria-label={`Your account: ${me.displayName}`}
          onClick={() => setAccount(true)}
        >
          <Avatar id={me.id} name={me.displayName} size="small" />
        </button>
        <h1>Chats</h1>
        <IconButton label="New group" icon={<SquarePen />} onClick={() => go({ at: 'new-group' })} />
      </header>
      <div className={styles.search}>
        <Search aria-hidden="true" />
        <input
          ref={search}
          type="search"
          aria-label="Search people and conversations"
          placeholder="Search people and chats"
          autoComplete="off"
          spellCheck={false}
          value={query}
          maxLength={64}
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => event.key === 'Escape' && clear()}
        />
        {query !== '' && (
          <IconButton
            label="Clear search"
            icon={<X />}
            onClick={() => {
              clear()
              search.current?.focus()
            }}
          />
        )}
      </div>
      {query.trim() === '' ? (
        <ConversationList onSearch={() => search.current?.focus()} />
      ) : (
        <SearchResults query={query.trim()} onDone={clear} />
      )}
      {account && <AccountDialog onClose={() => setAccount(false)} />}
    </nav>
  )
}
