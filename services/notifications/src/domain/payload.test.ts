import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Message } from '@parley/contracts'
import { compose, maxPayloadBytes, type Occasion, type PushPayload } from './payload.ts'

const messageOf = (text: string) =>
  ({ conversationId: 'c'.repeat(64), seq: 7, text, senderId: 'ada' }) as unknown as Message
const composed = (occasion: Partial<Occasion> & { text?: string }): PushPayload => {
  const { text = 'Hello there', ...rest } = occasion
  const json = compose({ kind: 'group', senderName: 'Ada', message: messageOf(text), preview: true, ...rest })
  assert.ok(Buffer.byteLength(json) <= maxPayloadBytes, `${Buffer.byteLength(json)} bytes`)
  return JSON.parse(json)
}

describe('what a device shows', () => {
  const cases: readonly (readonly [
    name: string,
    occasion: Parameters<typeof composed>[0],
    title: string,
    body: string,
  ])[] = [
    ['a direct message', { kind: 'direct' }, 'Ada', 'Hello there'],
    ['one in a group with a title', { title: 'Analysts' }, 'Analysts', 'Ada: Hello there'],
    ['one in a group without', {}, 'Ada', 'Hello there'],
    [
      'one of somebody whose name is not known',
      { kind: 'direct', senderName: undefined },
      'Someone',
      'Hello there',
    ],
    [
      'one that is not to be read on a locked screen',
      { title: 'Analysts', preview: false },
      'Analysts',
      'New message',
    ],
    ['one of several lines', { kind: 'direct', text: ' a\n\n b\tc ' }, 'Ada', 'a b c'],
    ['a long one', { kind: 'direct', text: 'x'.repeat(4_000) }, 'Ada', `${'x'.repeat(240)}…`],
    ['one that fits exactly', { kind: 'direct', text: 'x'.repeat(240) }, 'Ada', 'x'.repeat(240)],
  ]
  for (const [name, occasion, title, body] of cases)
    it(`of ${name}`, () => {
      const payload = composed(occasion)
      assert.deepEqual([payload.title, payload.body], [title, body])
    })

  it('names the conversation, so that a newer one takes the place of the older', () => {
    const { conversationId, seq, tag } = composed({})
    assert.deepEqual([conversationId, seq, tag], ['c'.repeat(64), 7, 'c'.repeat(64)])
  })

  it('is cut between characters as people see them', () => {
    const family = '👨‍👩‍👧'
    const { body } = composed({ kind: 'direct', text: family.repeat(1_000) })
    assert.equal(body, `${family.repeat(Math.floor(240 / family.length))}…`)
  })

  it('fits into a push whatever people write', () => {
    // JSON writes each of these as six bytes, so that this is the longest there is.
    for (const letter of ['\u0000', '語', '\ud83d\ude00', 'e\u0301\u0301\u0301\u0301\u0301\u0301'])
      composed({ title: letter.repeat(4_000), senderName: letter.repeat(4_000), text: letter.repeat(4_000) })
  })
})
