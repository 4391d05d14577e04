import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type Clock, type DocumentStore, newId } from '@parley/kit'
import type { z } from 'zod'
import { signingKeys } from './documents.ts'
import { createOnce, update } from './update.ts'

/**
 * The keys that access tokens are signed with. One document; the first replica to start creates it, and those that
 * lose the race use what they find.
 *
 * Rotation: `rotate` makes a new key the active one and keeps the public half of the last two, so tokens that they
 * signed stay good for the 15 minutes that they have. The JWKS is read from the store each time: a service that
 * meets an unknown `kid` and asks any replica gets it. Replicas sign with what they last read, at most a minute old.
 * After a leak rotate three times, so that the leaked key is no longer served, and restart the services, which
 * remember keys and the tokens that they verified.
 */
const rereadMs = 60_000
const previousKept = 2

type Keys = z.output<typeof signingKeys.schema>

export interface SigningKeys {
  /** The key to sign with. */
  active(): Promise<{ kid: string; key: KeyObject }>
  /** RFC 7517: active and previous. */
  jwks(): Promise<{ keys: { kid: string; kty: string; [member: string]: unknown }[] }>
  /** Answers the new `kid`. */
  rotate(): Promise<string>
}

const documentKey = 'signing'

function generate(now: number): Keys['active'] {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '', d = '' } = privateKey.export({ format: 'jwk' })
  return {
    kid: newId('key'),
    createdAt: new Date(now).toISOString(),
    privateJwk: { kty: 'EC', crv: 'P-256', x, y, d },
  }
}

/** Member by member: the private `d` cannot slip through. */
const publicHalf = ({
  kty,
  crv,
  x,
  y,
}: Keys['active']['privateJwk'] | Keys['previous'][number]['publicJwk']) => ({
  kty,
  crv,
  x,
  y,
})

export function rotated(keys: Keys, next: Keys['active'], now: number): Keys {
  const { kid, privateJwk } = keys.active
  const retired = { kid, retiredAt: new Date(now).toISOString(), publicJwk: publicHalf(privateJwk) }
  return { active: next, previous: [retired, ...keys.previous].slice(0, previousKept) }
}

export function createSigningKeys(options: { store: DocumentStore; clock: Clock }): SigningKeys {
  const { store, clock } = options
  let cached: { kid: string; key: KeyObject; readAt: number } | undefined

  async function read(): Promise<Keys> {
    const found = await store.get(signingKeys, documentKey)
    if (found) return found.value
    const mine: Keys = { active: generate(clock.now()), previous: [] }
    const made = await createOnce(options, signingKeys, documentKey, mine)
    return made.outcome === 'exists' ? made.stored.value : mine
  }

  return {
    async active() {
      if (cached && clock.now() - cached.readAt < rereadMs) return cached
      const { active } = await read()
      const key = createPrivateKey({ key: active.privateJwk, format: 'jwk' })
      cached = { kid: active.kid, key, readAt: clock.now() }
      return cached
    },
    async jwks() {
      const { active, previous } = await read()
      const all = [{ kid: active.kid, publicJwk: active.privateJwk }, ...previous]
      return {
        keys: all.map(({ kid, publicJwk }) => ({ ...publicHalf(publicJwk), kid, alg: 'ES256', use: 'sig' })),
      }
    },
    async rotate() {
      await read()
      const next = generate(clock.now())
      await update(options, signingKeys, documentKey, (keys) => keys && rotated(keys, next, clock.now()))
      cached = undefined
      return next.kid
    },
  }
}
