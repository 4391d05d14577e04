import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Entry } from '@parley/contracts'
import { checkAccount } from './account.ts'
import { connectionWords, isFresh } from './connection.ts'
import { describe as describeLine, initials, listNames, titleOf, typingLine } from './names.ts'
import { presenceWords } from './presence.ts'
import { parentOf, parseRoute, pathOf } from './routes.ts'
import { ann, bob, cem, conversation, memberLine, room, user } from './testing.ts'
import { chooseLocale, dayName, lastSeen, shortTime } from './time.ts'

const people = new Map([ann, bob, cem].map((id) => [id, user(id)]))
const now = new Date(2026, 2, 10, 15).getTime()
const ago = (days: number, hour = 9) => new Date(2026, 2, 10 - days, hour).getTime()

describe('times', () => {
  it('of the list are as short as can be', () => {
    const short = (when: number) => shortTime(when, now, 'en-GB')
    assert.deepEqual([ago(0), ago(1), ago(3), ago(20), new Date(2024, 0, 5).getTime()].map(short), [
      '09:00',
      'Yesterday',
      'Sat',
      '18 Feb',
      '5 Jan 2024',
    ])
  })

  it('of days are named', () => {
    assert.deepEqual(
      [ago(0), ago(1, 23), ago(2), ago(8)].map((when) => dayName(when, now, 'en-GB')),
      ['Today', 'Yesterday', 'Sunday', 'Monday, 2 Mar'],
    )
  })

  it('of who was last seen are relative as long as that helps', () => {
    assert.deepEqual(
      [now - 5_000, now - 300_000, ago(0), ago(1), ago(3), ago(30)].map((when) =>
        lastSeen(when, now, 'en-GB'),
      ),
      [
        'last seen just now',
        'last seen 5 min ago',
        'last seen today at 09:00',
        'last seen yesterday at 09:00',
        'last seen Saturday at 09:00',
        'last seen on 8 Feb',
      ],
    )
    assert.equal(presenceWords({ userId: bob, status: 'offline', lastSeenAt: null }, now, 'en'), 'offline')
    assert.equal(presenceWords(undefined, now, 'en'), '')
  })

  it('keep English words, with the clock of the person', () => {
    assert.deepEqual(['en-US', 'de-DE', 'en'].map(chooseLocale), ['en-US', 'en-GB', 'en'])
  })
})

describe('names', () => {
  it('of conversations', () => {
    assert.equal(titleOf(conversation, ann, people), 'Room')
    assert.equal(titleOf({ ...conversation, kind: 'direct' }, ann, people), 'Bob')
    const { title: _, ...untitled } = conversation
    assert.equal(titleOf({ ...untitled, memberIds: [ann, bob, cem] }, ann, people), 'Bob, Cem')
    assert.equal(titleOf(untitled, ann, new Map()), 'Group')
  })

  it('as initials', () => {
    assert.deepEqual(['Ann Leclair', 'bob', '', 'Ana de la Cruz', '🐙 Octo'].map(initials), [
      'AL',
      'B',
      '',
      'AC',
      '🐙O',
    ])
  })

  it('in a row', () => {
    assert.equal(listNames(['Ann']), 'Ann')
    assert.equal(listNames(['Ann', 'Bob']), 'Ann and Bob')
    assert.equal(listNames(['A', 'B', 'C', 'D', 'E']), 'A, B, C and 2 others')
    assert.deepEqual(
      [typingLine([]), typingLine(['Ann']), typingLine(['Ann', 'Bob'])],
      ['', 'Ann is typing', 'Ann and Bob are typing'],
    )
  })

  it('in lines that nobody wrote', () => {
    const titled = (seq: number, title: string): Entry => ({
      kind: 'conversation',
      conversationId: room,
      seq,
      at: '',
      by: bob,
      conversation: { ...conversation, title },
    })
    const line = (...entries: [Entry, ...Entry[]]) => describeLine(entries, ann, people)
    assert.equal(line(titled(1, 'X')), 'Bob created the group “X”')
    assert.equal(line(titled(4, 'Y')), 'Bob renamed the group to “Y”')
    assert.equal(line(memberLine(2, bob, ann), memberLine(3, bob, cem)), 'Bob added you and Cem')
    assert.equal(line(memberLine(2, ann, cem, 'removed')), 'You removed Cem')
    assert.equal(line(memberLine(2, cem, cem, 'removed')), 'Cem left')
  })
})

describe('places', () => {
  it('have one address each', () => {
    for (const path of ['/', '/new', '/c/abc', '/c/abc/info']) assert.equal(pathOf(parseRoute(path)), path)
    for (const path of ['/nonsense', '/c/', '/c/a%2Fb', '/c/abc/other'])
      assert.deepEqual(parseRoute(path), { at: 'list' })
  })

  it('have one place above them', () => {
    assert.deepEqual(
      ['/', '/new', '/c/abc', '/c/abc/info'].map((path) => pathOf(parentOf(parseRoute(path)))),
      ['/', '/', '/', '/c/abc'],
    )
  })
})

describe('an account', () => {
  const check = (username: string, password: string, displayName = '') =>
    checkAccount({ username, password, displayName }, 'sign-up')
  it('is checked before the server is asked', () => {
    assert.deepEqual(check('ann', 'correct horse'), {})
    assert.deepEqual(check('', ''), { username: 'Enter your username.', password: 'Enter your password.' })
    assert.equal(check('a', 'x').username, 'At least 2 characters.')
    assert.equal(check('ann b', 'x').username, 'Only letters, digits, dot, dash and underscore.')
    assert.equal(check('.ann', 'x').username, 'Begin with a letter or a digit.')
    assert.equal(check('ann', 'short').password, 'At least 8 characters.')
    assert.equal(check('ann', 'correct horse', 'x'.repeat(81)).displayName, 'At most 80 characters.')
  })

  it('that exists is not judged', () => {
    assert.deepEqual(checkAccount({ username: 'a b', password: 'x', displayName: '' }, 'sign-in'), {})
  })
})

describe('a connection', () => {
  it('is told of in proportion', () => {
    assert.equal(connectionWords({ status: 'connecting', attempt: 0 }, true), 'Connecting…')
    const long = { status: 'waiting', attempt: 5, retryAt: 0 } as const
    assert.equal(connectionWords(long, true), 'No connection. What you write is sent later.')
    assert.match(connectionWords(long, false), /offline/)
    assert.equal(isFresh({ status: 'online' }), true)
    assert.equal(isFresh({ status: 'waiting', attempt: 1, retryAt: 0 }), true)
    assert.equal(isFresh(long), false)
    assert.equal(isFresh({ status: 'idle' }), false)
  })
})
