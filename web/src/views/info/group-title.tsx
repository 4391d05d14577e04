import { type Conversation, title as titleOf } from '@parley/contracts'
import { Pencil } from 'lucide-react'
import { useState } from 'react'
import { useActions } from '../../app/context.ts'
import { useTask } from '../../app/use-task.ts'
import { explain } from '../../model/explain.ts'
import { Button, IconButton } from '../../parts/button.tsx'
import { Field } from '../../parts/field.tsx'
import styles from './info.module.css'

export function GroupTitle({ conversation, title }: { conversation: Conversation; title: string }) {
  const { rename } = useActions()
  const [wanted, setWanted] = useState<string>()
  const save = useTask(async (next: string) => {
    if (next !== conversation.title) await rename(conversation.id, next)
    setWanted(undefined)
  })
  if (wanted === undefined) {
    return (
      <div className={styles.title}>
        <strong>{title}</strong>
        <IconButton label="Rename" icon={<Pencil />} onClick={() => setWanted(conversation.title ?? '')} />
      </div>
    )
  }
  return (
    <form
      className={styles.rename}
      onSubmit={(event) => {
        event.preventDefault()
        if (titleOf.safeParse(wanted).success) save.run(wanted.trim())
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return
        event.preventDefault()
        setWanted(undefined)
      }}
    >
      <Field
        label="Name of the group"
        value={wanted}
        maxLength={120}
        autoFocus
        error={save.error && explain(save.error)}
        onChange={(event) => setWanted(event.target.value)}
      />
      <div>
        <Button onClick={() => setWanted(undefined)}>Cancel</Button>
        <Button type="submit" look="primary" busy={save.busy} disabled={!titleOf.safeParse(wanted).success}>
          Save
        </Button>
      </div>
    </form>
  )
}
