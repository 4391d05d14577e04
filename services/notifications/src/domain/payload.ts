import type { ConversationKind, Message } from '@parley/contracts'

/** Push services take 4,096 bytes, of which the encryption needs some. */
export const maxPayloadBytes = 3_072
const maxBodyCharacters = 240

export interface Occasion {
  readonly kind: ConversationKind
  readonly title?: string | undefined
  /** Undefined where it is not known. */
  readonly senderName: string | undefined
  readonly message: Message
  /** Whether the text may be shown: notifications appear on locked screens. */
  readonly preview: boolean
}

/** What the service worker shows. `tag` lets a newer notification of a conversation replace the older. */
export interface PushPayload {
  readonly title: string
  readonly body: string
  readonly conversationId: string
  readonly seq: number
  readonly tag: string
}

export function compose({ kind, title, senderName, message, preview }: Occasion): string {
  const { conversationId, seq } = message
  const sender = senderName ?? 'Someone'
  const heading = kind === 'direct' ? sender : (title ?? sender)
  const author = heading === sender ? '' : `${sender}: `
  const text = preview ? `${author}${message.text.replace(/\s+/g, ' ').trim()}` : 'New message'
  for (let length = maxBodyCharacters; ; length = Math.floor(length / 2)) {
    const payload: PushPayload = {
      title: shorten(heading, maxBodyCharacters),
      body: shorten(text, length),
      conversationId,
      seq,
      tag: conversationId,
    }
    const json = JSON.stringify(payload)
    if (Buffer.byteLength(json) <= maxPayloadBytes) return json
  }
}

const segmenter = new Intl.Segmenter()

/** Cuts between characters as people see them: half an emoji is another one. */
function shorten(text: string, length: number): string {
  if (text.length <= length) return text
  let short = ''
  for (const { segment } of segmenter.segment(text.slice(0, length * 8))) {
    if (short.length + segment.length > length) break
    short += segment
  }
  return `${short}…`
}
