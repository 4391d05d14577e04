import { Eye, EyeOff } from 'lucide-react'
import { useState } from 'react'
import { Button, IconButton } from '../../parts/button.tsx'
import { Field } from '../../parts/field.tsx'
import { Notice } from '../../parts/notice.tsx'
import styles from './sign-in.module.css'
import { useAccountForm } from './use-account-form.ts'

export function AccountForm({ kind }: { kind: 'sign-in' | 'sign-up' }) {
  const { submit, field, error, seconds, busy } = useAccountForm(kind)
  const [shown, setShown] = useState(false)
  const signUp = kind === 'sign-up'
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
      {error !== undefined && (
        <Notice>
          {error}
          {seconds > 0 && ` Try again in ${seconds} s.`}
        </Notice>
      )}
      <Button type="submit" look="primary" busy={busy} disabled={seconds > 0} className={styles.submit ?? ''}>
        {signUp ? 'Create account' : 'Sign in'}
      </Button>
    </form>
  )
}
