import type { OutboxItem } from '@parley/client'
import type { Entry, Message, UserId } from '@parley/contracts'
import type { Room } from './state.ts'
import { dayOf } from './time.ts'

/** `waiting` for a connection, `sending`, `stored`, or `failed` until it is sent again or discarded. */
export type Status = 'waiting' | 'sending' | 'stored' | 'failed'

export interface Item {
  /** The same before and after it is stored. */
  readonly key: string
  readonly clientId: string
  readonly text: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly status: Status
  readonly message?: Message
  readonly error?: { readonly code: string; readonly message: string }
}

/** What stands below each other in a conversation. A `group` is what one person said within a few minutes. */
export type Row =
  | { readonly kind: 'day'; readonly key: string; readonly at: number }
  | { readonly kind: 'new'; readonly key: string }
  | { readonly kind: 'line'; readonly key: string; readonly entries: readonly [Entry, ...Entry[]] }
  | {
      readonly kind: 'group'
      readonly key: string
      readonly senderId: UserId
      readonly items: readonly [Item, ...Item[]]
    }

const groupMs = 5 * 60_000

export function timeline(room: Room, unsent: readonly OutboxItem[]): readonly Row[] {
  const { messages, me } = room.view
  const rows = new Rows()
  const lines = room.lines.filter(({ seq }) => seq >= (room.view.from ?? Number.POSITIVE_INFINITY))
  let line = 0
  let toldNew = room.newAfter === undefined
  for (const message of messages) {
    for (; (lines[line]?.seq ?? Number.POSITIVE_INFINITY) < message.seq; line++) rows.line(lines[line])
    if (!toldNew && message.seq > (room.newAfter ?? 0) && message.senderId !== me) {
      toldNew = true
      rows.add({ kind: 'new', key: 'new' }, Date.parse(message.createdAt))
    }
    rows.item(message.senderId, itemOf(message))
  }
  for (; line < lines.length; line++) rows.line(lines[line])
  const stored = new Set(messages.flatMap(({ senderId, clientId }) => (senderId === me ? [clientId] : [])))
  for (const item of unsent) if (!stored.has(item.draft.clientId)) rows.item(me, unsentItem(me, item))
  return rows.all
}

const itemOf = (message: Message): Item => ({
  key: `${message.senderId} ${message.clientId}`,
  clientId: message.clientId,
  text: message.text,
  at: Date.parse(message.createdAt),
  status: 'stored',
  message,
})

const unsentItem = (me: UserId, { draft, queuedAt, state, error }: OutboxItem): Item => ({
  key: `${me} ${draft.clientId}`,
  clientId: draft.clientId,
  text: draft.text,
  at: queuedAt,
  status: state === 'sent' ? 'sending' : state,
  ...(error && { error }),
})

class Rows {
  readonly all: Row[] = []
  #day = ''

  add(row: Row, at: number): void {
    const day = dayOf(at)
    if (day !== this.#day) this.all.push({ kind: 'day', key: `day ${day}`, at })
    this.#day = day
    this.all.push(row)
  }

  /** People whom one person added one after the other are told in one line. */
  line(entry: Entry | undefined): void {
    if (!entry || isSilent(entry)) return
    const last = this.all.at(-1)
    if (last?.kind === 'line' && isSameLine(last.entries[0], entry)) {
      this.all[this.all.length - 1] = { ...last, entries: [...last.entries, entry] }
      return
    }
    this.add({ kind: 'line', key: `line ${entry.seq}`, entries: [entry] }, Date.parse(entry.at))
  }

  item(senderId: UserId, item: Item): void {
    const last = this.all.at(-1)
    const before = last?.kind === 'group' && last.senderId === senderId ? last : undefined
    const lastAt = before?.items.at(-1)?.at ?? 0
    if (before && item.at - lastAt < groupMs && dayOf(item.at) === this.#day) {
      this.all[this.all.length - 1] = { ...before, items: [...before.items, item] }
      return
    }
    this.add({ kind: 'group', key: item.key, senderId, items: [item] }, item.at)
  }
}

/** Whoever creates a conversation is its first member: that goes without saying. */
const isSilent = (entry: Entry): boolean =>
  entry.kind === 'member' && entry.change === 'added' && entry.by === entry.userId

const isSameLine = (first: Entry, entry: Entry): boolean =>
  first.kind === 'member' &&
  entry.kind === 'member' &&
  entry.change === 'added' &&
  first.change === 'added' &&
  first.by === entry.by
