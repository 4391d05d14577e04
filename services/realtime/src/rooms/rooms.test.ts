import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { conversationChanged, messageStored } from '@parley/contracts'
import { at } from '../testing/builders.ts'
import { eventually, type Realtime, startRealtime } from '../testing/harness.ts'

let chat: Realtime
afterEach(() => chat.close())

describe('delivery', () => {
  it('repairs what was lost on the way, in order', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann')
    const ann = await chat.ready('ann')
    const [one, two, three] = chat.append(room, chat.message(room), chat.message(room), chat.message(room))
    assert.ok(one && two && three)
    await chat.tell(room, [three])
    await chat.tell(room, [one])
    await ann.next('entry', 3)
    assert.deepEqual(ann.seqs(), [1, 2, 3])
    chat.append(room, chat.message(room))
    await chat.event(conversationChanged, { heads: { [room]: 4 } })
    await ann.next('entry', 4)
    assert.deepEqual(await ann.next('heads'), { [room]: 3 }, 'not ahead of what was delivered')
    await chat.event(conversationChanged, { heads: { [room]: 4 } })
    assert.deepEqual(await ann.next('heads', 2), { [room]: 4 })
  })

  it('adds and removes people at their place in the order', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const [ann, bob, cid] = await Promise.all([chat.ready('ann'), chat.ready('bob'), chat.ready('cid')])
    const entries = chat.append(
      room,
      chat.message(room),
      chat.member(room, 'bob', 'removed'),
      chat.message(room),
      chat.member(room, 'cid', 'added'),
      chat.message(room),
    )
    await chat.tell(room, entries)
    await chat.tell(room, chat.append(room, chat.message(room)))
    await Promise.all([ann.next('entry', 6), cid.next('entry', 3), bob.next('conversation:removed')])
    assert.deepEqual(ann.seqs(), [1, 2, 3, 4, 5, 6])
    assert.deepEqual(bob.seqs(), [1, 2])
    assert.deepEqual(cid.seqs(), [4, 5, 6])
    assert.deepEqual(
      cid.heard.map(({ name }) => name),
      ['ready', 'conversation:added', 'entry', 'entry', 'entry'],
    )
    const added = await cid.next<{ conversation: { id: string; memberCount: number } }>('conversation:added')
    assert.deepEqual([added.conversation.id, added.conversation.memberCount], [room, 2])
  })

  it('brings in whose addition was lost, with the next entry; and nobody who is a member no more', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'ann', 'bob')
    const cid = await chat.ready('cid')
    const empty = chat.room('empty', 'far')
    chat.append(room, chat.member(room, 'cid', 'added'))
    // The node is past the addition when it hears of the room: no gap shows it.
    const ann = await chat.ready('ann')
    chat.append(empty, chat.member(empty, 'cid', 'added'))
    await chat.tell(room, chat.append(room, chat.message(room)))
    await chat.tell(empty, chat.append(empty, chat.message(empty)))
    await cid.next('conversation:added', 2)
    await chat.tell(room, chat.append(room, chat.message(room)))
    await chat.tell(empty, chat.append(empty, chat.message(empty)))
    await cid.next('entry', 2)
    assert.deepEqual(cid.seqs().sort(), [3, 3])
    const old = chat.append(room, chat.message(room))
    chat.append(room, chat.member(room, 'cid', 'removed'))
    await chat.tell(room, chat.append(room, chat.message(room)))
    await cid.next('conversation:removed')
    await chat.event(messageStored, {
      conversations: [
        { conversationId: room, kind: 'group', entries: old, memberIds: ['ann', 'bob', 'cid'] },
      ],
    })
    await chat.tell(room, chat.append(room, chat.message(room)))
    await ann.next('entry', 6)
    assert.equal(cid.heard.filter(({ name }) => name === 'conversation:added').length, 2)
  })

  it('brings a conversation to a node that had nobody in it', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'far')
    const ann = await chat.ready('ann')
    await chat.tell(room, chat.append(room, chat.message(room), chat.member(room, 'ann', 'added')))
    await chat.tell(room, chat.append(room, chat.message(room)))
    await ann.next('entry', 2)
    assert.deepEqual(ann.seqs(), [2, 3])
  })

  it('goes on for whoever is brought in while the last one leaves', async () => {
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    chat = await startRealtime({
      answers: {
        async internalConversation() {
          await asked
          const conversation = { id: 'room', kind: 'group', createdAt: at, createdBy: 'ann', memberCount: 1 }
          return { conversation, memberIds: ['bob'] }
        },
      },
    })
    const room = chat.room('room', 'ann')
    const [ann, bob] = [await chat.ready('ann'), await chat.ready('bob')]
    const handedOver = [chat.member(room, 'bob', 'added'), chat.member(room, 'ann', 'removed')]
    await chat.tell(room, chat.append(room, ...handedOver))
    await ann.next('conversation:removed')
    answer()
    await bob.next('conversation:added')
    await chat.tell(room, chat.append(room, chat.message(room)))
    await bob.next('entry', 3)
    assert.deepEqual(bob.seqs(), [1, 2, 3])
  })

  it('brings in everybody of a new conversation, whichever of its events comes first', async () => {
    chat = await startRealtime()
    const room = chat.room('room')
    const [ann, bob] = [await chat.ready('ann.1'), await chat.ready('bob.1')]
    const members = chat.append(room, chat.member(room, 'ann', 'added'), chat.member(room, 'bob', 'added'))
    await chat.tell(room, members.slice(1))
    await chat.tell(room, members)
    await Promise.all([ann.next('conversation:added'), bob.next('conversation:added')])
    await chat.tell(room, chat.append(room, chat.message(room)))
    await Promise.all([ann, bob].map((client) => client.until('3', () => client.seqs().includes(3))))
  })

  it('finds who connects between an addition and the list that knows of it', async () => {
    chat = await startRealtime()
    const room = chat.room('room', 'far')
    const added = chat.append(room, chat.member(room, 'ann', 'added'))
    chat.world.members.get(room)?.delete('ann')
    await chat.tell(room, added)
    const ann = await chat.ready('ann')
    assert.deepEqual(ann.all('conversation:added'), [])
    chat.world.members.get(room)?.add('ann')
    await chat.tell(room, chat.append(room, chat.message(room)))
    // `messages` says that ann is no member yet: she gets in with the next addition or connection.
    const again = await chat.ready('ann')
    await chat.tell(room, chat.append(room, chat.message(room)))
    await again.next('entry')
    assert.deepEqual(again.seqs(), [3])
  })

  it('loses nothing between the list of conversations and the join', async () => {
    let answer = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = resolve
    })
    chat = await startRealtime({
      answers: {
        async internalMemberships() {
          const head = chat.world.log.get('room')?.length ?? 0
          await asked
          return { items: [{ conversationId: 'room', head }] }
        },
      },
    })
    const room = chat.room('room', 'ann')
    const ann = chat.connect('ann')
    await eventually('asked', () => chat.world.calls.includes('internalMemberships'))
    await chat.tell(room, chat.append(room, chat.message(room)))
    answer()
    await ann.next('entry')
    assert.deepEqual(ann.seqs(), [1])
  })
})
