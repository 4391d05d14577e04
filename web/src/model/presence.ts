import type { Presence } from '@parley/contracts'
import { lastSeen } from './time.ts'

export function presenceWords(presence: Presence | undefined, now: number, locale: string): string {
  switch (presence?.status) {
    case 'online':
      return presence.text ?? 'online'
    case 'away':
      return presence.text ?? 'away'
    case 'dnd':
      return presence.text ?? 'do not disturb'
    case 'offline':
      return presence.lastSeenAt ? lastSeen(Date.parse(presence.lastSeenAt), now, locale) : 'offline'
    case undefined:
      return ''
  }
}
