import type { ConversationId } from '@parley/contracts'
import { useSession } from '../../app/context.ts'
import { firstName, nameOf, typingLine } from '../../model/names.ts'
import styles from './typing-line.module.css'

/** It has its place also while nobody types: nothing moves when somebody begins. */
export function TypingLine({ id }: { id: ConversationId }) {
  const words = useSession(({ typing, people }) =>
    typingLine((typing.get(id) ?? []).map((userId) => firstName(nameOf(people, userId)) || 'Someone')),
  )
  return (
    <p className={styles.line} role="status">
      {words !== '' && (
        <>
          <span className={styles.dots} aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          {words}
        </>
      )}
    </p>
  )
}
