import { type ConversationId, limits, text as messageText } from '@parley/contracts'
import { ArrowUp } from 'lucide-react'
import { type KeyboardEvent, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { useActions, useSession } from '../../app/context.ts'
import { drafts } from '../../app/drafts.ts'
import { titleOf, usernamesOf } from '../../model/names.ts'
import { IconButton } from '../../parts/button.tsx'
import styles from './composer.module.css'

/** How much is left is told from here on. */
const tellFrom = 300
/** On a touch screen Enter makes a line: there is a button to send, and no Shift to hold. */
const touch = matchMedia('(pointer: coarse)')

export function Composer({ id }: { id: ConversationId }) {
  const { send, pressedKey } = useActions()
  const [text, setText] = useState(() => drafts.get(id))
  const box = useRef<HTMLTextAreaElement>(null)
  const conversation = useSession(({ inbox }) => inbox.items.get(id)?.conversation)
  const people = useSession((session) => session.people)
  const me = useSession((session) => session.me.id)
  const usernames = useMemo(() => usernamesOf(conversation, people), [conversation, people])
  const title = conversation ? titleOf(conversation, me, people) : ''
  const left = limits.textCharacters - text.length
  const sendable = conversation !== undefined && messageText.safeParse(text).success

  useEffect(() => drafts.set(id, text), [id, text])
  useEffect(() => {
    if (!touch.matches) box.current?.focus()
  }, [])
  // biome-ignore lint/correctness/useExhaustiveDependencies: it is as high as its text
  useLayoutEffect(() => {
    const area = box.current
    if (!area) return
    area.style.height = 'auto'
    area.style.height = `${area.scrollHeight}px`
  }, [text])

  function submit(): void {
    if (!sendable) return
    send(id, text.trim(), usernames)
    setText('')
    box.current?.focus()
  }

  function onKeyDown(event: KeyboardEvent): void {
    // While an input method is composing, Enter chooses a word. Safari ends the composition before this event: 229.
    const composing = event.nativeEvent.isComposing || event.keyCode === 229
    if (event.key !== 'Enter' || event.shiftKey || composing || touch.matches) return
    event.preventDefault()
    submit()
  }

  return (
    <form
      className={styles.composer}
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <div className={styles.box}>
        <textarea
          ref={box}
          rows={1}
          value={text}
          placeholder="Message"
          aria-label={title === '' ? 'Message' : `Message to ${title}`}
          aria-describedby={left < tellFrom ? 'left' : undefined}
          onKeyDown={onKeyDown}
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
