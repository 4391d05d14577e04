import { useAppState } from '../app/context.ts'
import { Shell } from './shell.tsx'
import { SignIn } from './sign-in/sign-in.tsx'

export function App() {
  const signedIn = useAppState((state) => state.session !== undefined)
  return signedIn ? <Shell /> : <SignIn />
}
