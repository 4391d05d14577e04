import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { login, postMessage, refresh, subscribe } from '@parley/contracts'
import { until } from '@parley/testkit'
import type { Person } from '../people/person.ts'
import { appApiToken, daprApiToken } from './service.ts'
import { type System, startChat } from './start-chat.ts'

let chat: System
afterEach(() => chat.close())

interface Line {
  readonly app: string
  readonly traceId?: string
  readonly msg?: string
  readonly path?: string
}

/** A system whose every line, at the lowest level, is in `text` and, parsed, in `lines`. */
async function listen(options: Parameters<typeof startChat>[0] = {}) {
  const heard: string[] = []
  chat = await startChat({ ...options, hear: (line) => void heard.push(line) })
  return {
    get text() {
      return heard.join('')
    },
    get lines(): Line[] {
      return heard.map((line) => JSON.parse(line) as Line)
    },
  }
}

const words = 'what nobody else should read'
const title = 'the name of a room'

/** Everything that people do, well and badly. */
async function talk(ann: Person, bob: Person): Promise<void> {
  const room = await ann.group(title, [bob])
  const params = { conversationId: room.id }
  const body = { kind: 'webpush', subscription: chat.push.subscription('bob') } as const
  await bob.insist(subscribe, { body })
  const phone = await ann.device()
  await phone.send(room.id, words)
  await ann.insist(postMessage, { params, body: { clientId: 'http', text: `${words} too` } })
  await ann.refused(postMessage, { params, body: { clientId: 'long', text: words.repeat(1_000) } })
  await ann.refused(login, { body: { username: ann.tokens.user.username, password: `${words}!` } })
  await ann.insist(refresh, { body: { refreshToken: ann.tokens.refreshToken } })
  await chat.push.until('bob', 1)
  const stranger = bob.open({ auth: { token: `${bob.tokens.accessToken}x` } })
  assert.ok(await stranger.opened(), 'a wrong token is refused')
}

describe('the logs', () => {
  it('are JSON with trace ids, and have neither messages nor secrets, whatever goes wrong', async () => {
    const log = await listen({
      tolerate: /./,
      faults: { duplicates: 0.3, lostAnswers: 0.1, failures: 0.1 },
    })
    const [ann, bob] = await chat.people('ann', 'bob')
    await talk(ann, bob)
    // What does not fit its contract is refused with a reason, and kept.
    chat.dapr.publish('message.submitted', { lane: 1, conversations: [{ text: words }] })
    await until(() => log.text.includes('a dead letter is kept'), 'the event is kept')

    const served = log.lines.filter(({ msg }) => msg === 'request')
    for (const app of ['auth', 'messages', 'realtime', 'presence', 'notifications'])
      assert.ok(
        served.some((line) => line.app === app),
        `${app} logs its requests`,
      )
    for (const { traceId } of served) assert.match(traceId ?? '', /^[0-9a-f]{32}$/)
    const subscription = chat.push.subscription('bob')
    const secrets = [words, title, ann.password, appApiToken, daprApiToken, subscription.keys.auth]
    for (const { tokens } of [ann, bob]) secrets.push(tokens.accessToken, tokens.refreshToken)
    for (const secret of secrets) assert.ok(!log.text.includes(secret), `"${secret}" is in a log`)
  })

  it('have one trace from the event of a send to those who get it and who pushes it', async () => {
    const log = await listen()
    const [ann, bob] = await chat.people('ann', 'bob')
    const room = await ann.group('Team', [bob])
    const body = { kind: 'webpush', subscription: chat.push.subscription('bob') } as const
    await bob.call(subscribe, { body })
    const phone = await ann.device()
    await phone.send(room.id, 'hello')
    await chat.push.until('bob', 1)
    const submitted = chat.dapr.published.filter(({ topic }) => topic === 'message.submitted').at(-1)
    const traceId = submitted?.traceparent?.split('-')[1]
    assert.ok(traceId)
    const seen = () =>
      log.lines
        .filter((line) => line.traceId === traceId && line.msg === 'request')
        .map(({ app, path }) => `${app} ${path}`)
    const wanted = ['messages /events/message.submitted', 'realtime /events/message.stored']
    wanted.push('notifications /events/message.stored')
    await until(() => wanted.every((one) => seen().includes(one)), `${wanted} in one trace`)
    assert.ok(
      seen().some((one) => one.startsWith('presence ')),
      'whom to push to is asked in it, too',
    )
  })
})
