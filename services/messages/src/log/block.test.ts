import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { user } from '../testing/builders.ts'
import { type Draft, entryBytes, fitting, nextBlock } from './block.ts'
import type { NewEntry } from './decide.ts'
import { block, blockLimits } from './stored.ts'
import { applyBlock, ended, viewFrom } from './view.ts'

const at = '2026-01-01T00:00:00.000Z'
const message = (text: string, clientId = 'x'): NewEntry => ({ kind: 'message', clientId, text })
const draft = (...entries: NewEntry[]): Draft => ({ by: user('ann'), entries })
const drafts = (count: number, text: string) =>
  Array.from({ length: count }, (_, i) => draft(message(text, `c${i}`)))

describe('block', () => {
  it('follows the last one: seqs without a gap, times that never go back', () => {
    const view = viewFrom('room')
    const first = nextBlock(view, [draft(message('a')), draft(message('b'), message('c'))], 'n1', at)
    assert.deepEqual([first.firstSeq, first.lastSeq, first.messageCount, first.prevNonce], [1, 3, 3, ''])
    assert.ok(applyBlock(view, 1, first))
    const second = nextBlock(view, [draft(message('d'))], 'n2', '2025-12-31T23:59:59.000Z')
    assert.deepEqual([second.firstSeq, second.lastSeq, second.prevNonce], [4, 4, 'n1'])
    assert.equal(second.entries[0]?.at, at)
  })

  it('may hold no entry: then it takes a place, and no seq', () => {
    const view = viewFrom('room')
    const settled = { by: user('ann'), clientId: 'x', became: { seq: 1 } }
    const empty = nextBlock(view, [{ by: user('ann'), entries: [], settled }], 'n1', at)
    assert.deepEqual([empty.firstSeq, empty.lastSeq], [1, 0])
    assert.deepEqual(block.parse(JSON.parse(JSON.stringify(empty))), empty)
    applyBlock(view, 1, empty)
    assert.deepEqual([view.n, view.fold.seq], [1, 0])
    assert.deepEqual([...ended(empty)], [{ by: 'ann', clientId: 'x', record: { seq: 1 } }])
    assert.equal(nextBlock(view, [draft(message('a'))], 'n2', at).firstSeq, 1)
  })

  it('takes 64 entries at most', () => {
    assert.equal(fitting(drafts(100, 'x')), blockLimits.entries)
    assert.equal(fitting(drafts(3, 'x')), 3)
  })

  for (const [what, text] of [
    ['ASCII', 'x'],
    ['quotes and backslashes', '"\\'],
    ['control characters', '\n\u0001'],
    ['umlauts', 'ä'],
    ['flags', '🇩🇪'],
  ])
    it(`stays within 256 KiB as it lies in the store: ${what}`, () => {
      const all = drafts(64, String(text).repeat(4_000 / String(text).length))
      const count = fitting(all)
      assert.ok(count >= 1)
      const stored = JSON.stringify(nextBlock(viewFrom('room'), all.slice(0, count), 'n', at))
      const ascii = stored.replace(
        /[\u007f-\uffff]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
      assert.ok(JSON.stringify(ascii).length <= blockLimits.bytes, `${JSON.stringify(ascii).length} bytes`)
    })

  it('holds a message that alone is larger than that', () => {
    const large = draft(message('ä'.repeat(50_000)))
    assert.ok(entryBytes(large.entries[0] as NewEntry) > blockLimits.bytes)
    assert.equal(fitting([large, large]), 1)
  })
})
