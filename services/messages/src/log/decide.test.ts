import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Command, limits } from '@parley/contracts'
import {
  add,
  began,
  command,
  create,
  foldOf,
  group,
  member,
  post,
  remove,
  user,
  wrote,
} from '../testing/builders.ts'
import { type Decision, decide } from './decide.ts'
import { applyEntry, emptyFold, type Fold } from './fold.ts'
import type { StoredEntry } from './stored.ts'

const now = '2026-01-02T00:00:00.000Z'
const names = (count: number) => Array.from({ length: count }, (_, i) => `u${i}`)

/** `added ann owner`, `message`; a decision that leaves more to be done ends with `…`. */
function say(decision: Decision): string {
  if ('refused' in decision) return decision.refused.code
  const entries = decision.entries.map((entry) =>
    entry.kind === 'member' ? [entry.change, entry.userId, entry.role].filter(Boolean).join(' ') : entry.kind,
  )
  return [...entries, ...(decision.unfinished ? ['…'] : [])].join(', ')
}

const team = group('bob', 'cid')
const channel = [
  began('channel'),
  member('ann', 'added', 'owner'),
  member('bob', 'added', 'admin'),
  member('cid'),
]
const direct = [began('direct'), member('ann', 'added', 'owner'), member('bob', 'added', 'owner')]
const setRole = (by: string, of: string, role: 'owner' | 'admin' | 'member') =>
  command(by, 'x', { kind: 'set-role', userId: user(of), role })
const rename = (by: string) => command(by, 'x', { kind: 'rename', title: 'New' })
const reply = (to: number) => command('ann', 'x', { kind: 'message', text: 'hi', replyTo: to })
const thread = (of: number) => command('ann', 'x', { kind: 'message', text: 'hi', threadOf: of })
const asAdmin = command('ann', 'x', { kind: 'add-members', userIds: [user('dan')], role: 'admin' })

const table: [string, Fold, Command, string][] = [
  ['a member writes', foldOf(...team), post('bob', 'x'), 'message'],
  ['a stranger does not', foldOf(...team), post('eve', 'x'), 'conversation_not_found'],
  ['nobody writes where there is nothing', emptyFold(), post('ann', 'x'), 'conversation_not_found'],
  [
    'who was removed does not',
    foldOf(...team, member('bob', 'removed')),
    post('bob', 'x'),
    'conversation_not_found',
  ],
  [
    'who came back does',
    foldOf(...team, member('bob', 'removed'), member('bob')),
    post('bob', 'x'),
    'message',
  ],
  ['an answer to what is there', foldOf(...team, wrote('bob', 'b1')), reply(5), 'message'],
  ['an answer to what is not', foldOf(...team), reply(5), 'message_not_found'],
  ['a thread of what is not', foldOf(...team), thread(5), 'message_not_found'],

  [
    'a group begins',
    emptyFold(),
    create('ann', 'bob', 'ann', 'bob'),
    'conversation, added ann owner, added bob member',
  ],
  ['its creator says it again', foldOf(...team), create('ann', 'bob', 'cid'), ''],
  ['… with one who is missing yet', foldOf(...team), create('ann', 'bob', 'cid', 'dan'), 'added dan member'],
  ['… with one who has left', foldOf(...team, member('cid', 'removed')), create('ann', 'bob', 'cid'), ''],
  ['somebody else takes its id', foldOf(...team), create('bob', 'ann'), 'client_id_reused'],
  ['the other of a direct one begins it as well', foldOf(...direct), create('bob', 'ann'), ''],

  ['a member of a group adds', foldOf(...team), add('bob', 'x', 'dan', 'dan'), 'added dan member'],
  ['… who is one already', foldOf(...team), add('bob', 'x', 'cid'), ''],
  ['a mere member of a channel does not', foldOf(...channel), add('cid', 'x', 'dan'), 'forbidden'],
  ['an admin of a channel does', foldOf(...channel), add('bob', 'x', 'dan'), 'added dan member'],
  ['nobody is added to a direct one', foldOf(...direct), add('ann', 'x', 'dan'), 'forbidden'],
  ['an owner adds an admin', foldOf(...channel), asAdmin, 'added dan admin'],
  ['an admin does not', foldOf(...channel), { ...asAdmin, senderId: user('bob') }, 'forbidden'],

  ['an owner gives a role', foldOf(...channel), setRole('ann', 'cid', 'admin'), 'role cid admin'],
  ['… that the member has', foldOf(...channel), setRole('ann', 'bob', 'admin'), ''],
  ['… to who is none', foldOf(...channel), setRole('ann', 'dan', 'admin'), 'member_not_found'],
  ['an admin gives none', foldOf(...channel), setRole('bob', 'cid', 'admin'), 'forbidden'],
  ['the last owner stays one', foldOf(...channel), setRole('ann', 'ann', 'member'), 'forbidden'],
  [
    'one of two owners may go down',
    foldOf(...channel, member('bob', 'role', 'owner')),
    setRole('ann', 'ann', 'member'),
    'role ann member',
  ],

  ['a member leaves', foldOf(...channel), remove('cid', 'x', 'cid'), 'removed cid'],
  ['a member removes nobody', foldOf(...channel), remove('cid', 'x', 'bob'), 'forbidden'],
  ['an admin removes a member', foldOf(...channel), remove('bob', 'x', 'cid'), 'removed cid'],
  ['… not the owner', foldOf(...channel), remove('bob', 'x', 'ann'), 'forbidden'],
  ['who is not there is not removed', foldOf(...channel), remove('ann', 'x', 'dan'), ''],
  ['nobody leaves a direct one', foldOf(...direct), remove('ann', 'x', 'ann'), 'forbidden'],
  [
    'the last owner leaves: an admin inherits',
    foldOf(...channel),
    remove('ann', 'x', 'ann'),
    'removed ann, role bob owner',
  ],
  ['… or who is there longest', foldOf(...team), remove('ann', 'x', 'ann'), 'removed ann, role bob owner'],
  [
    '… or nobody',
    foldOf(began('group'), member('ann', 'added', 'owner')),
    remove('ann', 'x', 'ann'),
    'removed ann',
  ],

  ['a member of a group renames it', foldOf(...team), rename('cid'), 'conversation'],
  ['a mere member of a channel does not', foldOf(...channel), rename('cid'), 'forbidden'],
  ['a direct one has no title', foldOf(...direct), rename('ann'), 'forbidden'],

  [
    'a full conversation takes nobody',
    foldOf(...group(...names(limits.conversationMembers - 1))),
    add('ann', 'x', 'dan'),
    'conversation_full',
  ],
  [
    'too many at once are too many',
    emptyFold(),
    create('ann', ...names(limits.conversationMembers)),
    'conversation_full',
  ],
]

describe('decide', () => {
  for (const [what, fold, given, expected] of table)
    it(what, () => assert.equal(say(decide(fold, given, now)), expected))

  it('takes as many blocks as a large group needs, and names the command in the last entry only', () => {
    const fold = emptyFold()
    const given = create('ann', ...names(limits.conversationMembers - 1))
    const sizes: number[] = []
    for (;;) {
      const decision = decide(fold, given, now)
      assert.ok(!('refused' in decision), JSON.stringify(decision))
      sizes.push(decision.entries.length)
      for (const entry of decision.entries)
        applyEntry(fold, { ...entry, seq: fold.seq + 1, at: now, by: user('ann') } as StoredEntry)
      const named = decision.entries.flatMap(({ clientId }, i) => (clientId === undefined ? [] : [i]))
      assert.deepEqual(named, decision.unfinished ? [] : [decision.entries.length - 1])
      if (!decision.unfinished) break
    }
    assert.equal(fold.memberCount, limits.conversationMembers)
    assert.ok(sizes.every((size) => size <= 64))
  })
})
