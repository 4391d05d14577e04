import type { PublicUser, UserId } from '@parley/contracts'
import { Search, X } from 'lucide-react'
import { useSession } from '../../app/context.ts'
import { usePeopleSearch } from '../../app/use-people-search.ts'
import { explain } from '../../model/explain.ts'
import { acquaintances } from '../../model/names.ts'
import { Notice } from '../../parts/notice.tsx'
import { PersonRow } from '../list/person-row.tsx'
import styles from './info.module.css'

/** Chooses several people: those one talks to already are there at once, all others by search. */
export function PeoplePicker(props: {
  chosen: readonly PublicUser[]
  onChange: (chosen: readonly PublicUser[]) => void
  query: string
  onQuery: (query: string) => void
  without?: readonly UserId[]
}) {
  const { chosen, onChange, query, onQuery, without = [] } = props
  const search = usePeopleSearch(query.trim())
  const me = useSession((session) => session.me.id)
  const inbox = useSession((session) => session.inbox)
  const known = useSession((session) => session.people)
  const people = (query.trim() === '' ? acquaintances(inbox, known) : search.people).filter(
    ({ id }) => id !== me && !without.includes(id),
  )
  const isChosen = (person: PublicUser) => chosen.some(({ id }) => id === person.id)
  function toggle(person: PublicUser): void {
    onChange(isChosen(person) ? chosen.filter(({ id }) => id !== person.id) : [...chosen, person])
    onQuery('')
  }
  return (
    <>
      <div className={styles.search}>
        <Search aria-hidden="true" />
        <input
          type="search"
          aria-label="Search people"
          placeholder="Search people"
          autoComplete="off"
          spellCheck={false}
          maxLength={64}
          value={query}
          onChange={(event) => onQuery(event.target.value)}
        />
      </div>
      {chosen.length > 0 && (
        <ul className={styles.chips} aria-label="Chosen">
          {chosen.map((person) => (
            <li key={person.id}>
              <button type="button" onClick={() => toggle(person)}>
                {person.displayName}
                <X role="img" aria-label="Remove" />
              </button>
            </li>
          ))}
        </ul>
      )}
      {search.error && <Notice>{explain(search.error)}</Notice>}
      <ul className={styles.people}>
        {people.map((person) => (
          <li key={person.id}>
            <PersonRow person={person} checked={isChosen(person)} onClick={() => toggle(person)} />
          </li>
        ))}
      </ul>
      <p className={styles.note} role="status">
        {query.trim() !== '' && search.state === 'too-short' && 'Type one more letter.'}
        {search.state === 'searching' && people.length === 0 && 'Searching…'}
        {search.state === 'done' && people.length === 0 && `Nobody else is called “${query.trim()}”.`}
        {query.trim() === '' && people.length === 0 && 'Search by name or username.'}
      </p>
    </>
  )
}
