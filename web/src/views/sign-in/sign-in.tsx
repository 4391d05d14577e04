import { useId, useState } from 'react'
import { useAppState } from '../../app/context.ts'
import { explainEnd } from '../../model/explain.ts'
import { Notice } from '../../parts/notice.tsx'
import { AccountForm } from './account-form.tsx'
import styles from './sign-in.module.css'

export function SignIn() {
  const [kind, setKind] = useState<'sign-in' | 'sign-up'>('sign-in')
  const ended = useAppState((state) => state.ended)
  const id = useId()
  const signUp = kind === 'sign-up'
  return (
    <main className={styles.page}>
      <section className={styles.card} aria-labelledby={id}>
        <p className={styles.brand}>
          <img src="/icon.svg" alt="" width="44" height="44" />
          Parley
        </p>
        <h1 id={id}>{signUp ? 'Create your account' : 'Welcome back'}</h1>
        <p className={styles.lead}>
          {signUp ? 'A name, a password, and you can talk.' : 'Sign in to go on where you left off.'}
        </p>
        {ended !== undefined && !signUp && <Notice tone="calm">{explainEnd(ended)}</Notice>}
        <AccountForm key={kind} kind={kind} />
        <p className={styles.other}>
          {signUp ? 'You have an account? ' : 'New here? '}
          <button type="button" onClick={() => setKind(signUp ? 'sign-in' : 'sign-up')}>
            {signUp ? 'Sign in' : 'Create an account'}
          </button>
        </p>
      </section>
    </main>
  )
}
