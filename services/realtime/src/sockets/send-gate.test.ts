import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { conversation } from '../testing/builders.ts'
import { type Arrival, createSendGate, type Refusal } from './send-gate.ts'

const limited: Refusal = { code: 'rate_limited', retryAfterMs: 50 }
const overloaded: Refusal = { code: 'overloaded', retryAfterMs: 1_000 }

function start() {
  const gate = createSendGate()
  const send = (clientId: string, room = 'room'): Arrival => ({
    conversationId: conversation(room),
    clientId,
    place: gate.arrive(),
  })
  return { gate, send }
}

describe('send gate', () => {
  it('refuses every later send until the refused one comes again', () => {
    const { gate, send } = start()
    const a = send('a')
    assert.equal(gate.refusal(a), undefined)
    gate.shut(a, limited)
    assert.deepEqual(gate.refusal(send('b')), limited)
    assert.deepEqual(gate.refusal(send('c')), limited)
    assert.equal(gate.refusal(send('a')), undefined)
    assert.equal(gate.refusal(send('b')), undefined)
  })

  it('lets those go on that came before', () => {
    const { gate, send } = start()
    const [a, b, c] = [send('a'), send('b'), send('c')]
    gate.shut(b, limited)
    assert.equal(gate.refusal(a), undefined)
    assert.deepEqual(gate.refusal(c), limited)
  })

  it('waits for the first of several, whichever was turned away first', () => {
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { gate, send } = start()
      const sends = [send('a'), send('b')]
      for (const i of order) {
        const one = sends[i]
        if (one) gate.shut(one, i === 0 ? overloaded : limited)
      }
      assert.deepEqual(gate.refusal(send('b')), overloaded)
      assert.equal(gate.refusal(send('a')), undefined)
      assert.equal(gate.refusal(send('b')), undefined)
    }
  })

  it('leaves other conversations alone', () => {
    const { gate, send } = start()
    gate.shut(send('a'), limited)
    assert.equal(gate.refusal(send('b', 'other')), undefined)
  })

  it('shuts again where the second try is refused too', () => {
    const { gate, send } = start()
    gate.shut(send('a'), limited)
    const again = send('a')
    gate.refusal(again)
    gate.shut(again, limited)
    assert.deepEqual(gate.refusal(send('b')), limited)
  })

  it('is bounded', () => {
    const { gate, send } = start()
    for (let i = 0; i <= 500; i++) gate.shut(send('a', `c${i}`), limited)
    assert.equal(gate.refusal(send('b', 'c0')), undefined)
    assert.deepEqual(gate.refusal(send('b', 'c1')), limited)
  })
})
