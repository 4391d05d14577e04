import { ChatError } from '../errors.ts'
import type { RawDocument, WriteOutcome } from '../raw-store.ts'
import { type Answer, isFinal, type Line, parseJson, type SidecarTimeouts, told } from './daprd.ts'

export interface StateItem {
  readonly key: string
  readonly value: string
  readonly etag?: string
  /** Only if absent, or only if `etag` matches. */
  readonly firstWrite: boolean
  readonly ttlSeconds?: number
}

/** Raw access for `daprRawStore` alone. Reads throw ChatError `unavailable`; keys are full keys. */
export interface SidecarState {
  getBulk(store: string, keys: readonly string[]): Promise<Map<string, RawDocument>>
  save(store: string, items: readonly StateItem[]): Promise<WriteOutcome>
  delete(store: string, key: string): Promise<void>
}

interface BulkItem {
  readonly key: string
  readonly data?: unknown
  readonly etag?: string
  readonly error?: string
}

export function createState(line: Line, { stateReadMs, stateWriteMs }: SidecarTimeouts): SidecarState {
  return {
    // In bulk, also for one key: an error comes as an error then, and keys need not survive a URL.
    async getBulk(store, keys) {
      const path = `/v1.0/state/${store}/bulk`
      const body = JSON.stringify({ keys, parallelism: 16 })
      const { text } = await line.callOrThrow({ method: 'POST', path, body, timeoutMs: stateReadMs })
      const items = parseJson(text)
      if (!Array.isArray(items))
        throw new ChatError('unavailable', { cause: new Error(`${path} answered ${text.slice(0, 500)}`) })
      const found = new Map<string, RawDocument>()
      for (const { key, data, etag = '', error } of items as BulkItem[]) {
        if (error) throw new ChatError('unavailable', { cause: new Error(`${key}: ${error}`) })
        if (data !== undefined && data !== null) found.set(key, { data, etag })
      }
      return found
    },

    async save(store, items) {
      const body = JSON.stringify(items.map(toSaveItem))
      const request = { method: 'POST', path: `/v1.0/state/${store}`, body, timeoutMs: stateWriteMs } as const
      let answer: Answer
      try {
        answer = await line.call(request)
      } catch (error) {
        return { outcome: 'failed', reason: String(error) }
      }
      if (answer.status < 300) return { outcome: 'saved' }
      if (isEtagRefusal(answer)) return { outcome: 'refused' }
      if (isFinal(answer.status)) throw new ChatError('internal', { cause: told(request, answer) })
      return { outcome: 'failed', reason: answer.text }
    },

    async delete(store, key) {
      const path = `/v1.0/state/${store}/${encodeURIComponent(key)}`
      await line.callOrThrow({ method: 'DELETE', path, timeoutMs: stateWriteMs })
    },
  }
}

const toSaveItem = ({ key, value, etag, firstWrite, ttlSeconds }: StateItem) => ({
  key,
  value,
  ...(etag === undefined ? {} : { etag }),
  ...(firstWrite ? { options: { concurrency: 'first-write' } } : {}),
  ...(ttlSeconds === undefined ? {} : { metadata: { ttlInSeconds: String(ttlSeconds) } }),
})

/**
 * 409 is an etag that did not match, 400 one that the store cannot read. But Redis answers 409 for whatever goes wrong
 * in a write with an etag, a lost connection too: then the reason follows, and only its script's own refusal counts.
 */
function isEtagRefusal({ status, text }: Answer): boolean {
  if (status === 400) return text.includes('invalid etag value')
  if (status !== 409) return false
  const [, reason] = text.split('error from state store: ')
  return reason === undefined || reason.includes('failed to set key')
}
