import { displayName, password, username } from '@parley/contracts'

export interface Account {
  readonly username: string
  readonly displayName: string
  readonly password: string
}
export type Mistakes = Partial<Record<keyof Account, string>>

/** What the server would refuse, told before it is asked. */
export function checkAccount(account: Account, kind: 'sign-in' | 'sign-up'): Mistakes {
  const mistakes: Mistakes = {}
  if (account.username === '') mistakes.username = 'Enter your username.'
  if (account.password === '') mistakes.password = 'Enter your password.'
  if (kind === 'sign-in') return mistakes
  if (!mistakes.username && !username.safeParse(account.username).success) {
    mistakes.username = explainUsername(account.username)
  }
  if (account.displayName !== '' && !displayName.safeParse(account.displayName).success) {
    mistakes.displayName = 'At most 80 characters.'
  }
  if (!mistakes.password && !password.safeParse(account.password).success) {
    mistakes.password = account.password.length < 8 ? 'At least 8 characters.' : 'At most 200 characters.'
  }
  return mistakes
}

function explainUsername(name: string): string {
  if (name.length < 2) return 'At least 2 characters.'
  if (name.length > 32) return 'At most 32 characters.'
  if (/^[._-]/.test(name)) return 'Begin with a letter or a digit.'
  return 'Only letters, digits, dot, dash and underscore.'
}
