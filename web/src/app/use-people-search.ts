import { asParleyError, type ParleyError } from '@parley/client'
import type { PublicUser } from '@parley/contracts'
import { useEffect, useState } from 'react'
import { useActions } from './context.ts'

const pauseMs = 180
/** The server's: a shorter query would find half of the world. */
const shortestQuery = 2

export interface PeopleSearch {
  readonly people: readonly PublicUser[]
  readonly state: 'too-short' | 'searching' | 'done' | 'failed'
  readonly error?: ParleyError
}

/** People whose name or username starts with the query. Old results stay until new ones are there. */
export function usePeopleSearch(query: string): PeopleSearch {
  const { findPeople } = useActions()
  const [search, setSearch] = useState<PeopleSearch>({ people: [], state: 'too-short' })
  const tooShort = query.length < shortestQuery
  useEffect(() => {
    if (tooShort) return setSearch({ people: [], state: 'too-short' })
    const abort = new AbortController()
    setSearch(({ people }) => ({ people, state: 'searching' }))
    const timer = setTimeout(async () => {
      try {
        const people = await findPeople(query, abort.signal)
        if (!abort.signal.aborted) setSearch({ people, state: 'done' })
      } catch (error) {
        if (!abort.signal.aborted) setSearch({ people: [], state: 'failed', error: asParleyError(error) })
      }
    }, pauseMs)
    return () => {
      clearTimeout(timer)
      abort.abort()
    }
  }, [query, tooShort, findPeople])
  return search
}
