import { Eye, EyeOff } from 'lucide-react'
import { type SubmitEvent, useState } from 'react'
import { useActions } from '../../app/context.ts'
import { useCountdown } from '../../app/use-now.ts'
import { useTask } from '../../app/use-task.ts'
import { type Account, checkAccount, type Mistakes } from '../../model/account.ts'
import { explain } from '../../model/explain.ts'
import { Button, IconButton } from '../../parts/button.tsx'
import { Field } from '../../parts/field.tsx'
import { Notice } from '../../parts/notice.tsx'
import styles from './sign-in.module.css'

const empty: Account = { username: '', displayName: '', password: '' }

export function AccountForm({ kind }: { kind: 'sign-in' | 'sign-up' }) {
  const { register, login } = useActions()
  const [account, setAccount] = useState(empty)
  const [mistakes, setMistakes] = useState<Mistakes>({})
  const [shown, setShown] = useState(false)
  const [waitUntil, setWaitUntil] = useState<number>()
  const seconds = useCountdown(waitUntil)
  const signUp = kind === 'sign-up'

  const task = useTask(async ({ username, displayName, password }: Account) => {
    try {
      const named = displayName.trim() && { displayName }
      if (signUp) await register({ username, password, ...named })
      else await login({ username, password })
    } catch (error) {
      const wait = (error as { retryAfterMs?: number }).retryAfterMs
      if (wait !== undefined) setWaitUntil(Date.now() + wait)
      throw error
    }
  })

  function submit(event: SubmitEvent<HTMLFormElement>): void {
    event.preventDefault()
    const tidy = { ...account, username: account.username.trim() }
    const found = checkAccount(tidy, kind)
    setMistakes(found)
    task.clear()
    const [first] = Object.keys(found)
    if (first === undefined) task.run(tidy)
    else event.currentTarget.querySelector<HTMLInputElement>(`[name=${first}]`)?.focus()
  }

  const field = (name: keyof Account) => ({
    name,
    value: account[name],
    error:
      name === 'username' && task.error?.code === 'username_taken' ? explain(task.error) : mistakes[name],
    onChange(event: { target: { value: string } }) {
      setAccount({ ...account, [name]: event.target.value })
      setMistakes({ ...mistakes, [name]: undefined })
      if (task.error && seconds === 0) task.clear()
    },
  })
  const plainError = task.error && task.error.code !== 'username_taken' ? task.error : undefined

  return (
    <form className={styles.form} onSubmit={submit} noValidate>
      <Field
        label="Username"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={64}
        hint={signUp ? 'Others find and mention you by it.' : undefined}
        {...field('username')}
      />
      {signUp && (
        <Field
          label="Your name"
          autoComplete="name"
          hint="What others see. You can leave it out."
          {...field('displayName')}
        />
      )}
      <Field
        label="Password"
        type={shown ? 'text' : 'password'}
        autoComplete={signUp ? 'new-password' : 'current-password'}
        hint={signUp ? 'At least 8 characters.' : undefined}
        {...field('password')}
        end={
          <IconButton
            label={shown ? 'Hide password' : 'Show password'}
            icon={shown ? <EyeOff /> : <Eye />}
            onClick={() => setShown(!shown)}
          />
        }
      />
      {plainError && (
        <Notice>
          {explain(plainError)}
          {seconds > 0 && ` Try again in ${seconds} s.`}
        </Notice>
      )}
      <Button
        type="submit"
        look="primary"
        busy={task.busy}
        disabled={seconds > 0}
        className={styles.submit ?? ''}
      >
        {signUp ? 'Create account' : 'Sign in'}
      </Button>
    </form>
  )
}
