// The course of the demo: sign up, a group, messages at an even pace, cuts on the way, and the reading back.
import { setTimeout as sleep } from 'node:timers/promises'
import { createConversation, limits } from '@parley/contracts'
import { grouped, milliseconds, percentile } from '../lib/numbers.mjs'
import { dim, say, step } from '../lib/terminal.mjs'
import { join, wasOffline, within } from './person.mjs'
import { judge } from './verdict.mjs'

/** Below the rate that one person may send at: what was written during a cut must catch up. */
const perPersonPerSecond = limits.messagesPerSecond * 0.75
/** A sender with more than this unsent is catching up. */
const caughtUp = 5
const downMs = 1_200
/** After the last message was sent. */
const settleWithinMs = 60_000

/**
 * @typedef {import('./person.mjs').Person} Person
 * @typedef {{ clientId: string, senderId: string, due: number, behind: boolean, ackedAt?: number }} Sent
 */

/** @param {{ url: string, messages: number }} options */
export async function runDemo({ url, messages }) {
  const people = await step('Ada and Bob sign up and connect', () =>
    Promise.all(['Ada', 'Bob'].map((name) => join(url, name))),
  )
  const [ada, bob] = /** @type {[Person, Person]} */ (people)
  const conversation = await ada.chat.call(createConversation, {
    body: { kind: 'group', title: 'Demo', memberIds: [bob.id] },
  })
  for (const { chat } of people) await chat.history(conversation.id)

  const seconds = Math.ceil(messages / people.length / perPersonPerSecond)
  say(
    `  ${grouped(messages)} messages in about ${seconds} s ${dim('(a person may send 20 a second); both connections are cut three times')}`,
  )
  /** @type {Sent[]} */
  const sent = []
  const cuts = people.flatMap((person, index) =>
    [0.15, 0.45, 0.75].map((share) => ({ person, after: Math.floor(messages * (share + index * 0.12)) })),
  )
  const stopProgress = showProgress(sent, people, messages)
  try {
    await exchange({ people, conversationId: conversation.id, messages, sent, cuts })
    await settled(sent, people, messages)
  } finally {
    stopProgress()
  }
  const history = await step('Reading the history back over HTTP', () => readBack(bob, conversation.id))
  const checks = judge({
    sent,
    acknowledged: sent.filter(({ ackedAt }) => ackedAt !== undefined).map(({ clientId }) => clientId),
    history,
    delivered: Object.fromEntries(people.map(({ name, got }) => [name, got])),
  })
  const latencies = describeLatencies(sent, people)
  await Promise.all(people.map(leave))
  return { checks, latencies, cuts: cuts.length }
}

/**
 * @param {{ people: Person[], conversationId: import('@parley/contracts').ConversationId, messages: number, sent: Sent[], cuts: { person: Person, after: number }[] }} plan
 */
async function exchange({ people, conversationId, messages, sent, cuts }) {
  const start = performance.now()
  const gapMs = 1000 / (perPersonPerSecond * people.length)
  for (let index = 0; index < messages; index++) {
    const due = start + index * gapMs
    if (due > performance.now()) await sleep(due - performance.now())
    for (const { person } of cuts.filter(({ after }) => after === index)) void cutFor(person)
    const { chat, id, name } = /** @type {Person} */ (people[index % people.length])
    const { clientId, stored } = chat.send(conversationId, { text: `${name}: message ${index + 1}` })
    /** @type {Sent} */
    const item = { clientId, senderId: id, due, behind: chat.outboxSize() > caughtUp }
    sent.push(item)
    stored.then(
      () => {
        item.ackedAt = performance.now()
      },
      () => {}, // refused for good: the verdict counts it as missing
    )
  }
}

/** @param {Person} person */
async function cutFor({ link }) {
  link.cut()
  await sleep(downMs)
  link.mend()
}

/**
 * Until everything is acknowledged and delivered, or long enough: what is missing then is what the verdict says.
 * @param {Sent[]} sent
 * @param {Person[]} people
 * @param {number} messages
 */
async function settled(sent, people, messages) {
  const deadline = performance.now() + settleWithinMs
  const open = () =>
    sent.some(({ ackedAt }) => ackedAt === undefined) || people.some(({ got }) => got.length < messages)
  while (open() && performance.now() < deadline) await sleep(50)
}

/**
 * @param {Person} person
 * @param {import('@parley/contracts').ConversationId} conversationId
 */
async function readBack({ chat }, conversationId) {
  /** @type {{ seq: number, clientId: string, senderId: string }[]} */
  const messages = []
  /** @type {number | undefined} */
  let before
  for (;;) {
    const page = await within(
      30_000,
      chat.history(conversationId, { limit: limits.pageItems, ...(before !== undefined && { before }) }),
      'The history was not answered within 30 s.',
    )
    messages.unshift(...page.items)
    if (!page.hasMore) return messages
    before = page.fromSeq
  }
}

/**
 * @param {Sent[]} sent
 * @param {Person[]} people
 */
function describeLatencies(sent, people) {
  const arrivals = people.map((person) => ({
    person,
    at: new Map(person.got.map((told) => [told.clientId, told.at])),
  }))
  /** @type {{ ms: number, calm: boolean }[]} */
  const stored = []
  /** @type {{ ms: number, calm: boolean }[]} */
  const delivered = []
  for (const { clientId, senderId, due, behind, ackedAt } of sent) {
    const other = arrivals.find(({ person }) => person.id !== senderId)
    const arrivedAt = other?.at.get(clientId)
    const end = Math.max(ackedAt ?? 0, arrivedAt ?? 0)
    const calm = !behind && !people.some((person) => wasOffline(person, due, end))
    if (ackedAt !== undefined) stored.push({ ms: ackedAt - due, calm })
    if (arrivedAt !== undefined) delivered.push({ ms: arrivedAt - due, calm })
  }
  return [line('send → stored', stored), line('send → delivered', delivered)]
}

/**
 * @param {string} name
 * @param {{ ms: number, calm: boolean }[]} all
 */
function line(name, all) {
  const calm = all.filter((one) => one.calm).map(({ ms }) => ms)
  const whole = all.map(({ ms }) => ms)
  const p = (/** @type {number[]} */ values, /** @type {number} */ share) =>
    milliseconds(percentile(values, share))
  return `${name.padEnd(17)} p50 ${p(calm, 0.5)}, p99 ${p(calm, 0.99)} ${dim(`while connected (${grouped(calm.length)} messages); with the cuts: p99 ${p(whole, 0.99)}`)}`
}

/**
 * @param {Sent[]} sent
 * @param {Person[]} people
 * @param {number} messages
 */
function showProgress(sent, people, messages) {
  const show = () => {
    const acked = sent.filter(({ ackedAt }) => ackedAt !== undefined).length
    const states = people.map(({ name, got, chat }) => {
      const { status } = chat.connection()
      return `${name} got ${grouped(got.length)}${status === 'online' ? '' : ` (${status})`}`
    })
    say(
      dim(
        `  ${grouped(sent.length)} of ${grouped(messages)} sent, ${grouped(acked)} stored; ${states.join(', ')}`,
      ),
    )
  }
  const timer = setInterval(show, 3_000)
  return () => clearInterval(timer)
}

/** @param {Person} person */
async function leave({ chat, link }) {
  await Promise.race([chat.logout(), sleep(3_000)])
  chat.disconnect()
  await link.close()
}
