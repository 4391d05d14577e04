import { type PublicUser, title as titleOf } from '@parley/contracts'
import { useState } from 'react'
import { useActions } from '../../app/context.ts'
import { newId } from '../../app/new-id.ts'
import { go } from '../../app/router.ts'
import { useTask } from '../../app/use-task.ts'
import { explain } from '../../model/explain.ts'
import { Button } from '../../parts/button.tsx'
import { Field } from '../../parts/field.tsx'
import { Notice } from '../../parts/notice.tsx'
import { Pane } from '../../parts/pane.tsx'
import styles from './info.module.css'
import { PeoplePicker } from './people-picker.tsx'

export function NewGroup() {
  const { createGroup } = useActions()
  const [title, setTitle] = useState('')
  const [chosen, setChosen] = useState<readonly PublicUser[]>([])
  const [query, setQuery] = useState('')
  /** For one group with these words: when the first try was stored and not answered, the second finds it. */
  const [clientId, setClientId] = useState(newId)
  const create = useTask(async () => {
    const ids = chosen.map(({ id }) => id)
    const id = await createGroup(title.trim(), ids, clientId)
    go({ at: 'conversation', id, info: false }, { replace: true })
  })
  const changed = () => {
    create.clear()
    setClientId(newId())
  }
  const ready = titleOf.safeParse(title).success && chosen.length > 0
  return (
    <Pane title="New group">
      <form
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault()
          if (ready) create.run()
        }}
      >
        <Field
          label="Name of the group"
          value={title}
          maxLength={120}
          autoComplete="off"
          onChange={(event) => {
            setTitle(event.target.value)
            changed()
          }}
        />
        <div className={styles.picker}>
          <PeoplePicker
            chosen={chosen}
            query={query}
            onQuery={setQuery}
            onChange={(next) => {
              setChosen(next)
              changed()
            }}
          />
        </div>
        {create.error && <Notice>{explain(create.error)}</Notice>}
        <Button type="submit" look="primary" disabled={!ready} busy={create.busy}>
          {chosen.length === 0 ? 'Create group' : `Create group with ${chosen.length + 1}`}
        </Button>
      </form>
    </Pane>
  )
}
