import { useEffect, useState } from 'react'

/** The time, and again every so often: for words such as "5 min ago". */
export function useNow(everyMs = 30_000): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [everyMs])
  return now
}

/** Seconds until this time, counted down; 0 when it has passed. */
export function useCountdown(until: number | undefined): number {
  const now = useNow(1_000)
  return until === undefined ? 0 : Math.max(0, Math.ceil((until - now) / 1_000))
}
