import { asParleyError } from '@parley/client'
import { type SubmitEvent, useState } from 'react'
import { useActions } from '../../app/context.ts'
import { useCountdown } from '../../app/use-now.ts'
import { useTask } from '../../app/use-task.ts'
import { type Account, checkAccount, type Mistakes } from '../../model/account.ts'
import { explain } from '../../model/explain.ts'

const empty: Account = { username: '', displayName: '', password: '' }

/** What is typed, what is wrong with it, and for how many seconds there is no use in trying again. */
export function useAccountForm(kind: 'sign-in' | 'sign-up') {
  const { register, login } = useActions()
  const [account, setAccount] = useState(empty)
  const [mistakes, setMistakes] = useState<Mistakes>({})
  const [waitUntil, setWaitUntil] = useState<number>()
  const seconds = useCountdown(waitUntil)

  const task = useTask(async ({ username, displayName, password }: Account) => {
    try {
      const named = displayName.trim() && { displayName }
      if (kind === 'sign-up') await register({ username, password, ...named })
      else await login({ username, password })
    } catch (error) {
      const { retryAfterMs } = asParleyError(error)
      if (retryAfterMs !== undefined) setWaitUntil(Date.now() + retryAfterMs)
      throw error
    }
  })
  const taken = task.error?.code === 'username_taken'

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
    error: name === 'username' && taken && task.error ? explain(task.error) : mistakes[name],
    onChange(event: { target: { value: string } }) {
      setAccount({ ...account, [name]: event.target.value })
      setMistakes({ ...mistakes, [name]: undefined })
      if (task.error && seconds === 0) task.clear()
    },
  })

  const error = task.error && !taken ? explain(task.error) : undefined
  return { submit, field, error, seconds, busy: task.busy }
}
