import { RotateCw, Wifi, WifiOff } from 'lucide-react'
import { useEffect, useState } from 'react'
import { useAppState } from '../app/context.ts'
import { connectionWords } from '../model/connection.ts'
import styles from './connection-pill.module.css'

/** A connection that comes back within this time is not worth a word. */
const patienceMs = 1_200
const backForMs = 2_500

type Told = 'nothing' | 'down' | 'back'

/** Says that there is no connection, and when there is one again. It lies over the app: nothing moves for it. */
export function ConnectionPill() {
  const connection = useAppState((state) => state.connection)
  const up = connection.status === 'online'
  const [told, setTold] = useState<Told>('nothing')
  useEffect(() => {
    if (up) setTold((before) => (before === 'down' ? 'back' : before))
    const timer = setTimeout(() => setTold(up ? 'nothing' : 'down'), up ? backForMs : patienceMs)
    return () => clearTimeout(timer)
  }, [up])
  const words = told === 'back' ? 'Connected again' : connectionWords(connection, navigator.onLine)
  const icon = told === 'back' ? <Wifi /> : connection.status === 'connecting' ? <RotateCw /> : <WifiOff />
  return (
    <div className={styles.place} role="status">
      {told !== 'nothing' && (
        <p className={`${styles.pill} ${styles[told]}`}>
          {icon}
          {words}
        </p>
      )}
    </div>
  )
}
