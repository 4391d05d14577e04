import { ChatError, type DocumentStore, newId } from '@parley/kit'
import webPush from 'web-push'
import * as documents from './documents.ts'

export interface VapidKeys {
  readonly publicKey: string
  readonly privateKey: string
}

const attempts = 5

/** The keys of this installation, drawn by whichever replica starts first. */
export async function loadVapidKeys(store: DocumentStore): Promise<VapidKeys> {
  const known = await store.get(documents.vapid, 'keys')
  if (known !== undefined) return known.value
  const drawn = webPush.generateVAPIDKeys()
  // The same nonce each time: a first try that landed after all is recognized as ours.
  const nonce = newId()
  for (let tried = 0; tried < attempts; tried++) {
    const result = await store.create(documents.vapid, 'keys', drawn, { nonce })
    if (result.outcome === 'created') return drawn
    if (result.outcome === 'exists') return result.stored.value
  }
  throw new ChatError('unavailable', { cause: new Error('the VAPID keys could not be stored') })
}
