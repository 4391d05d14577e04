import type { ConversationId, UserId } from '@parley/contracts'
import { ChatError } from '@parley/kit'
import { poison } from './messages-node.ts'
import type { Person, Sent } from './person.ts'
import { type Absence, faultyMs, type World } from './world.ts'

/** What happens in a run, and when: all of it follows from the world's random numbers. */
export function schedule(world: World): void {
  const { random, time, people } = world
  const [first, second, third] = world.conversations as [ConversationId, ConversationId, ConversationId]
  const sends = random.between(8, 30)
  for (const person of people)
    for (let i = 0; i < sends; i++) {
      const bad = world.poison !== 'none' && person.user === 'bob' && i === 3
      const clientId = `${person.user}-${String(i).padStart(3, '0')}${bad ? '!' : ''}`
      const id = random.chance(0.7) ? first : second
      // In bursts, so that there are batches.
      const at = random.chance(0.5) ? random.between(0, 3) * 4_000 : random.between(0, 15_000)
      time.after(at, () => person.send(id, clientId, bad ? poison : `text of ${clientId}`))
    }
  inBackground(world, () => comeAndGo(world, first))
  for (const id of [first, second]) inBackground(world, () => postOverHttp(world, id))
  inBackground(world, () => createLater(world, third))
  if (world.poison === 'blind') chatter(world, [first, second])
  disturb(world)
  reconnect(world)
}

function inBackground(world: World, run: () => Promise<void>): void {
  world.busy += 1
  run().then(
    () => {
      world.busy -= 1
    },
    (error: unknown) => {
      world.busy -= 1
      world.violations.push(`over HTTP: ${String(error)}`)
    },
  )
}

/** `mal` is put out of a conversation and taken in again, up to three times. */
async function comeAndGo(world: World, id: ConversationId): Promise<void> {
  const { random, time } = world
  const user = 'mal' as UserId
  const base = { senderId: 'ann' as UserId, submittedAt: world.iso() }
  const add = { ...base, kind: 'add-members' as const, userIds: [user] }
  for (let i = random.between(0, 3); i > 0; i--) {
    await world.wait(random.between(0, 5_000))
    // They change nothing; a copy that comes when he is out must change nothing either.
    for (let k = random.between(0, 3); k > 0; k--)
      await world.command(id, { ...add, clientId: `nothing-${i}-${k}` })
    const absence: Absence = { user, from: time.now(), to: Number.POSITIVE_INFINITY }
    world.absences.push(absence)
    await world.command(id, { ...base, kind: 'remove-member', userId: user, clientId: `remove-${i}` })
    for (let looks = random.between(1, 3); looks > 0; looks--) {
      await world.wait(random.between(0, 2_500))
      await checkShutOut(world, id, user)
    }
    speakAtTheDoor(world, user, id, i)
    await world.command(id, { ...add, clientId: `add-${i}` })
    absence.to = time.now()
    await checkListed(world, id, [user])
    await world.wait(200)
  }
}

/** What is refused here may be accepted there: which it is must be so for every copy. */
function speakAtTheDoor(world: World, user: UserId, id: ConversationId, round: number): void {
  const person = world.people.find((one) => one.user === user)
  for (let k = 0; k < 3; k++) {
    const clientId = `${user}-door-${round}-${k}`
    world.time.after(world.random.between(0, 150), () => person?.send(id, clientId, `text of ${clientId}`))
  }
}

/** Once an addition is answered, whoever was added has the conversation in their list. */
async function checkListed(world: World, id: ConversationId, users: readonly UserId[]): Promise<void> {
  for (const user of users) {
    const mine = await world
      .rpc(world.random.pick(world.messages), (node) => node.heads(user))
      .catch(() => undefined)
    if (mine && !mine.some(({ conversationId }) => conversationId === id))
      world.violations.push(`${id} was not listed for ${user} after it was answered`)
  }
}

/** Once a removal is answered, no replica shows the conversation to who was removed. */
async function checkShutOut(world: World, id: ConversationId, user: UserId): Promise<void> {
  for (const node of [...world.messages]) {
    const shown = await world
      .rpc(node, ({ conversations }) => conversations.forMember(id, user))
      .catch(() => undefined)
    if (shown)
      world.violations.push(`${node.process.name} showed ${id} to ${user} after the removal was answered`)
  }
}

/** `dan` has no socket: he posts one message after the other. His last is often the last of all. */
async function postOverHttp(world: World, id: ConversationId): Promise<void> {
  const { random, time, posts } = world
  const sent: Sent[] = []
  posts.sent.set(id, sent)
  const count = random.between(0, 4)
  const begin = time.now()
  for (let i = 1; i <= count; i++) {
    const at = i < count ? random.next() * faultyMs : faultyMs + random.between(-2_000, 4_000)
    await world.wait(Math.max(0, begin + at - time.now()))
    const one = newPost(world, id, i)
    sent.push(one)
    await postOne(world, one)
  }
}

const newPost = ({ posts, time }: World, conversation: ConversationId, i: number): Sent => {
  const clientId = `${posts.user}-${i}`
  return { conversation, clientId, text: `text of ${clientId}`, submittedAt: time.now(), state: 'out' }
}

async function postOne(world: World, one: Sent): Promise<void> {
  const { conversation, clientId, text } = one
  const senderId = world.posts.user
  try {
    const command = { kind: 'message', senderId, clientId, text, submittedAt: world.iso() } as const
    one.seq = (await world.command(conversation, command)).seq
    one.state = 'stored'
    world.checkDurable(senderId, one)
  } catch (error) {
    one.state = 'refused'
    one.code = error instanceof ChatError ? error.code : String(error)
  }
  one.answeredAt = world.time.now()
}

/** A conversation that begins while everybody is connected: they must come into it by themselves. */
async function createLater(world: World, id: ConversationId): Promise<void> {
  const { random } = world
  await world.wait(random.between(0, 10_000))
  await world.create(id, 'cid')
  await checkListed(world, id, [...world.people.map(({ user }) => user), world.posts.user])
  for (const person of world.people)
    for (let i = random.between(0, 3); i > 0; i--) {
      const clientId = `${person.user}-new-${i}`
      world.time.after(random.between(0, 5_000), () => person.send(id, clientId, `text of ${clientId}`))
    }
  await world.wait(5_000)
}

/** Only what is overtaken is poison: so there is life on every node, until the poison has its answer. */
function chatter(world: World, conversations: readonly ConversationId[]): void {
  const until = world.time.now() + 120_000
  const isOpen = ({ clientId, state }: Sent): boolean =>
    clientId.endsWith('!') && (state === 'waiting' || state === 'out')
  const speak = (round: number): void => {
    const bob = world.people.find(({ user }) => user === 'bob') as Person
    const answered = round > 20 && ![...bob.sent.values()].flat().some(isOpen)
    if (answered || world.time.now() > until) return
    for (const person of world.people)
      for (const id of conversations) {
        const clientId = `${person.user}-${id}-chat-${String(round).padStart(3, '0')}`
        person.send(id, clientId, `text of ${clientId}`)
      }
    world.time.after(900, () => speak(round + 1))
  }
  speak(0)
}

/** Processes stand still for a while, or are killed: at some time, or just when something of theirs is written. */
function disturb(world: World): void {
  const { random, time } = world
  for (let i = random.between(0, 4); i > 0; i--)
    time.after(random.between(0, faultyMs - 2_000), () => {
      if (random.chance(0.4)) {
        const node = random.pick([...world.messages, ...world.realtime])
        node.process.stop(random.between(100, 9_000))
      } else {
        world.replace(random.chance(0.5) ? random.pick(world.messages) : random.pick(world.realtime))
      }
    })
  let writes = random.chance(0.5) ? random.between(1, 200) : Number.POSITIVE_INFINITY
  world.store.onWrite = (writer) => {
    writes -= 1
    if (writes > 0) return
    writes = random.between(20, 200)
    const node = world.messages.find(({ process }) => process === writer)
    if (node) world.replace(node)
  }
}

function reconnect(world: World): void {
  for (const person of world.people)
    if (!person.connected) void person.connect(world.random.pick(world.realtime))
  world.time.after(500, () => reconnect(world))
}
