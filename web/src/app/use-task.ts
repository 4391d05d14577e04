import { asParleyError, type ParleyError } from '@parley/client'
import { useState } from 'react'

/** Something that one starts and waits for: it is not started twice, and its error is kept to be shown. */
export function useTask<Args extends unknown[]>(task: (...args: Args) => Promise<void>) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ParleyError>()
  async function run(...args: Args): Promise<void> {
    if (busy) return
    setBusy(true)
    setError(undefined)
    try {
      await task(...args)
    } catch (failure) {
      setError(asParleyError(failure))
    } finally {
      setBusy(false)
    }
  }
  return { run: (...args: Args) => void run(...args), busy, error, clear: () => setError(undefined) }
}
