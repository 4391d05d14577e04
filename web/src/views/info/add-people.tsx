import type { Conversation, PublicUser } from '@parley/contracts'
import { useState } from 'react'
import { useActions } from '../../app/context.ts'
import { useTask } from '../../app/use-task.ts'
import { explain } from '../../model/explain.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { Notice } from '../../parts/notice.tsx'
import styles from './info.module.css'
import { PeoplePicker } from './people-picker.tsx'

export function AddPeople({ conversation, onClose }: { conversation: Conversation; onClose: () => void }) {
  const { addMembers } = useActions()
  const [chosen, setChosen] = useState<readonly PublicUser[]>([])
  const [query, setQuery] = useState('')
  const add = useTask(async () => {
    await addMembers(
      conversation.id,
      chosen.map(({ id }) => id),
    )
    onClose()
  })
  return (
    <Dialog title="Add people" onClose={onClose}>
      <div className={styles.dialogPicker}>
        <PeoplePicker
          chosen={chosen}
          onChange={setChosen}
          query={query}
          onQuery={setQuery}
          without={conversation.memberIds ?? []}
        />
      </div>
      {add.error && <Notice>{explain(add.error)}</Notice>}
      <div className={styles.buttons}>
        <Button look="primary" disabled={chosen.length === 0} busy={add.busy} onClick={() => add.run()}>
          {chosen.length < 2 ? 'Add' : `Add ${chosen.length} people`}
        </Button>
      </div>
    </Dialog>
  )
}
