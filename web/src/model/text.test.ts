import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ann, bob } from './testing.ts'
import { isJumbo, mentionedIn, partsOf } from './text.ts'

const names = new Map([
  ['ann', ann],
  ['bob.ok', bob],
])
const brief = (text: string) =>
  partsOf(text, names).map((part) =>
    part.kind === 'text'
      ? part.text
      : part.kind === 'link'
        ? [part.text, part.href]
        : { [part.text]: part.userId },
  )

describe('the parts of a text', () => {
  const cases: [string, ReturnType<typeof brief>][] = [
    ['plain', ['plain']],
    ['', []],
    [
      'see https://example.com/a?b=1.',
      ['see ', ['https://example.com/a?b=1', 'https://example.com/a?b=1'], '.'],
    ],
    ['example.com is a link', [['example.com', 'https://example.com/'], ' is a link']],
    ['write to ann@example.com', ['write to ', ['ann@example.com', 'mailto:ann@example.com']]],
    ['javascript:alert(1)', ['javascript:alert(1)']],
    ['hi @ann!', ['hi ', { '@ann': ann }, '!']],
    ['@Ann, @bob.ok.', [{ '@Ann': ann }, ', ', { '@bob.ok': bob }, '.']],
    ['@annabel and x@ann', ['@annabel and x@ann']],
    ['<b>@ann</b>', ['<b>', { '@ann': ann }, '</b>']],
  ]
  for (const [text, expected] of cases) it(text || 'nothing', () => assert.deepEqual(brief(text), expected))

  it('links to nothing but the web and addresses', () => {
    for (const text of ['file:///etc/passwd', 'ftp://example.com/x', 'data:text/html,x', 'vbscript:x']) {
      const links = partsOf(text, names).filter(({ kind }) => kind === 'link')
      assert.ok(
        links.every((link) => link.kind === 'link' && /^(https?|mailto):/.test(link.href)),
        text,
      )
    }
  })

  it('loses nothing', () => {
    const text = 'a @ann b https://example.com c\n\n@bob.ok @nobody 👩‍👩‍👧 …'
    assert.equal(
      partsOf(text, names)
        .map((part) => part.text)
        .join(''),
      text,
    )
  })
})

describe('mentions', () => {
  it('are those of members, once each', () => {
    assert.deepEqual(mentionedIn('@ann @ANN @bob.ok. @nobody', names), [ann, bob])
    assert.deepEqual(mentionedIn('mail ann@ann.example', names), [])
  })
})

describe('large emoji', () => {
  const cases: [string, boolean][] = [
    ['🎉', true],
    ['👩‍👩‍👧 🇩🇪', true],
    ['👍🏽👍🏽👍🏽', true],
    ['🎉🎉🎉🎉', false],
    ['🎉!', false],
    ['12', false],
    ['', false],
    ['#️⃣', false],
  ]
  for (const [text, expected] of cases) it(JSON.stringify(text), () => assert.equal(isJumbo(text), expected))
})
