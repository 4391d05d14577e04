import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, it } from 'node:test'
import jwt from 'jsonwebtoken'
import type { Clock } from './clock.ts'
import { ChatError } from './errors.ts'
import { createTokenVerifier, type Jwks, tokenIssuer } from './token.ts'

const isCode = (code: string) => (error: unknown) => error instanceof ChatError && error.code === code

const newKey = () => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwkOf = (kid: string, key: KeyObject) => ({ ...key.export({ format: 'jwk' }), kid, kty: 'EC' })

function world() {
  let now = 1_800_000_000_000
  const clock: Clock = { now: () => now, setTimeout: () => ({ cancel: () => {} }) }
  const keys = new Map([['k1', newKey()]])
  let fetches = 0
  let broken = false
  const verify = createTokenVerifier({
    clock,
    async jwks(): Promise<Jwks> {
      fetches++
      if (broken) throw new ChatError('unavailable')
      return { keys: [...keys].map(([kid, { publicKey }]) => jwkOf(kid, publicKey)) }
    },
  })
  const sign = (claims: object = {}, header: object = {}, key = keys.get('k1')?.privateKey) => {
    const iat = Math.floor(now / 1000)
    const payload = { sub: 'u1', sid: 's1', iss: tokenIssuer, iat, exp: iat + 900, ...claims }
    // As JSON leaves them out: members that are undefined.
    return jwt.sign(JSON.parse(JSON.stringify(payload)), key as KeyObject, {
      algorithm: 'ES256',
      header: JSON.parse(JSON.stringify({ alg: 'ES256', kid: 'k1', ...header })),
    })
  }
  return {
    verify,
    sign,
    keys,
    pass: (ms: number) => {
      now += ms
    },
    fetches: () => fetches,
    breaks: (value: boolean) => {
      broken = value
    },
  }
}

describe('verifying an access token', () => {
  it('needs the keys once, and then nothing', async () => {
    const { verify, sign, fetches } = world()
    const tokens = [sign(), sign({ sid: 's2' })]
    const callers = await Promise.all(tokens.map(verify))
    assert.deepEqual(callers, [
      { userId: 'u1', sessionId: 's1' },
      { userId: 'u1', sessionId: 's2' },
    ])
    assert.deepEqual(await verify(tokens[0] ?? ''), callers[0])
    assert.equal(fetches(), 1)
  })

  it('says when it has expired, also of one that it knows', async () => {
    const { verify, sign, pass } = world()
    const [known, unknown] = [sign(), sign({ sid: 's2' })]
    await verify(known)
    pass(900_000)
    for (const token of [known, unknown, known]) await assert.rejects(verify(token), isCode('token_expired'))
  })

  const forged: readonly (readonly [string, (w: ReturnType<typeof world>) => string])[] = [
    ['no token', () => ''],
    ['no JWT', () => 'a.b.c'],
    ['another key under the same id', ({ sign }) => sign({}, {}, newKey().privateKey)],
    ['a signature that was changed', ({ sign }) => `${sign().slice(0, -6)}AAAAAA`],
    ['an unknown key id', ({ sign }) => sign({}, { kid: 'k9' })],
    ['no key id', ({ sign }) => sign({}, { kid: undefined })],
    ['no algorithm', ({ sign }) => `${b64({ alg: 'none', kid: 'k1' })}.${sign().split('.')[1]}.`],
    [
      'the public key as the secret of an HMAC',
      ({ keys }) => {
        const pem = keys.get('k1')?.publicKey.export({ format: 'pem', type: 'spki' }) ?? ''
        const body = `${b64({ alg: 'HS256', kid: 'k1' })}.${b64({ sub: 'u1', sid: 's1', iss: tokenIssuer, exp: 9e9 })}`
        return `${body}.${hmac(String(pem), body)}`
      },
    ],
    ['another issuer', ({ sign }) => sign({ iss: 'elsewhere' })],
    ['no session', ({ sign }) => sign({ sid: undefined })],
    ['a user id that is none', ({ sign }) => sign({ sub: 'a b' })],
  ]
  for (const [name, make] of forged)
    it(`refuses ${name}`, async () => {
      const w = world()
      await assert.rejects(w.verify(make(w)), isCode('token_invalid'))
    })

  it('never expires for a token without an end: refused', async () => {
    const { verify, sign } = world()
    await assert.rejects(verify(sign({ exp: undefined })), isCode('token_invalid'))
  })

  it('fetches the keys for an unknown id, once for all who wait, and not again at once', async () => {
    const { verify, sign, keys, fetches, pass } = world()
    await verify(sign())
    keys.set('k2', newKey())
    pass(10_000)
    const rotated = (sid: string) => sign({ sid }, { kid: 'k2' }, keys.get('k2')?.privateKey)
    await Promise.all(['a', 'b', 'c'].map((sid) => verify(rotated(sid))))
    assert.equal(fetches(), 2)
    const guess = () =>
      assert.rejects(verify(sign({}, { kid: `k${Math.random()}` })), isCode('token_invalid'))
    await Promise.all(Array.from({ length: 50 }, guess))
    assert.equal(fetches(), 2, 'made-up ids cause no requests')
    pass(10_000)
    await guess()
    assert.equal(fetches(), 3)
  })

  it('is unavailable while the keys cannot be had, and tries again', async () => {
    const { verify, sign, breaks } = world()
    breaks(true)
    await assert.rejects(verify(sign()), isCode('unavailable'))
    breaks(false)
    assert.equal((await verify(sign())).userId, 'u1')
  })
})

const b64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const hmac = (secret: string, body: string) => createHmac('sha256', secret).update(body).digest('base64url')
