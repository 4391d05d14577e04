import { type ConversationId, limits, text as messageText } from '@parley/contracts'
import { ArrowUp } from 'lucide-react'
import { type KeyboardEvent, type SyntheticEvent, useEffect, useRef } from 'react'
import { useActions, useSession } from '../../app/context.ts'
import { titleOf, usernamesOf } from '../../model/names.ts'
import { IconButton } from '../../parts/button.tsx'
import styles from './composer.module.css'
import { useDraft } from './use-draft.ts'

/** How much is left is told from here on. */
const tellFrom = 300
/** On a touch screen Enter makes a line: there is a button to send, and no Shift to hold. */
const touch = matchMedia('(pointer: coarse)')

/** While an input method is composing, Enter chooses a word. Safari ends the composition before this event: 229. */
const isEnter = (event: KeyboardEvent): boolean =>
  event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing && event.keyCode !== 229

export function Composer({ id }: { id: ConversationId }) {
  const { send, pressedKey } = useActions()
  const box = useRef<HTMLTextAreaElement>(null)
  const [text, setText] = useDraft(id, box)
  const conversation = useSession(({ inbox }) => inbox.items.get(id)?.conversation)
  const people = useSession((session) => session.people)
  const me = useSession((session) => session.me.id)
  const title = conversation ? titleOf(conversation, me, people) : ''
  const left = limits.textCharacters - text.length
  const sendable = conversation !== undefined && messageText.safeParse(text).success
  useEffect(() => {
    if (!touch.matches) box.current?.focus()
  }, [])

  function submit(event: SyntheticEvent): void {
    event.preventDefault()
    if (!sendable) return
    send(id, text.trim(), usernamesOf(conversation, people))
    setText('')
    box.current?.focus()
  }

  return (
    <form className={styles.composer} onSubmit={submit}>
      <div className={styles.box}>
        <textarea
          ref={box}
          rows={1}
          value={text}
          placeholder="Message"
          aria-label={title === '' ? 'Message' : `Message to ${title}`}
          aria-describedby={left < tellFrom ? 'left' : undefined}
          onKeyDown={(event) => {
            if (isEnter(event) && !touch.matches) submit(event)
          }}
          onChange={(event) => {
            setText(event.target.value)
            if (event.target.value !== '') pressedKey(id)
          }}
        />
        {left < tellFrom && (
          <span id="left" className={left < 0 ? styles.over : styles.left}>
            {left < 0 ? `${-left} too many` : left}
          </span>
        )}
        <IconButton
          type="submit"
          className={styles.send ?? ''}
          label="Send"
          icon={<ArrowUp />}
          disabled={!sendable}
        />
      </div>
    </form>
  )
}
