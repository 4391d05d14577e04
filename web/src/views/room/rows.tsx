import { memo } from 'react'
import { useSession } from '../../app/context.ts'
import { locale } from '../../app/locale.ts'
import { useNow } from '../../app/use-now.ts'
import { describe } from '../../model/names.ts'
import type { Usernames } from '../../model/text.ts'
import { dayName } from '../../model/time.ts'
import type { Row } from '../../model/timeline.ts'
import { MessageGroup } from './message-group.tsx'
import styles from './rows.module.css'

export const Rows = memo(function Rows(props: {
  rows: readonly Row[]
  usernames: Usernames
  direct: boolean
}) {
  const { rows, usernames, direct } = props
  return (
    <ol className={styles.rows}>
      {rows.map((row) => {
        switch (row.kind) {
          case 'day':
            return <Day key={row.key} at={row.at} />
          case 'new':
            return (
              <li key={row.key} className={styles.new} data-new>
                <span>New messages</span>
              </li>
            )
          case 'line':
            return <Line key={row.key} row={row} />
          case 'group':
            return <MessageGroup key={row.key} group={row} usernames={usernames} direct={direct} />
        }
        return null
      })}
    </ol>
  )
})

function Day({ at }: { at: number }) {
  const now = useNow(60_000)
  return (
    <li className={styles.day}>
      <time dateTime={new Date(at).toISOString()}>{dayName(at, now, locale)}</time>
    </li>
  )
}

function Line({ row }: { row: Extract<Row, { kind: 'line' }> }) {
  const words = useSession(({ me, people }) => describe(row.entries, me.id, people))
  return <li className={styles.line}>{words}</li>
}
