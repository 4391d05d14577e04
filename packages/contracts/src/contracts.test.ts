import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import {
  appIds,
  clientEvents,
  errorCatalogue,
  events,
  laneCount,
  laneOf,
  routes,
  serverEventSummaries,
  serverEvents,
} from './index.ts'

const duplicates = (names: readonly string[]) => names.filter((name, at) => names.indexOf(name) !== at)

test('every route has an id and a place of its own', () => {
  assert.ok(routes.length > 30)
  assert.deepEqual(duplicates(routes.map((route) => route.id)), [])
  /** Express matches `:a` and `:b` alike. What people call has one gateway, what is internal a place per app. */
  const placeOf = ({ app, method, path, access }: (typeof routes)[number]) =>
    `${Array.isArray(access) ? app : 'gateway'} ${method} ${path.replace(/:\w+/g, ':')}`
  assert.deepEqual(duplicates(routes.map(placeOf)), [])
})

for (const route of routes)
  test(`the route ${route.id} is consistent`, () => {
    const internal = Array.isArray(route.access)
    assert.match(route.path, internal ? /^\/internal\// : /^\/api\//)
    for (const code of route.errors) assert.ok(code in errorCatalogue, code)
    assert.deepEqual(duplicates(route.errors), [])
    const inPath = [...route.path.matchAll(/:(\w+)/g)].map((match) => match[1])
    const declared = route.params instanceof z.ZodObject ? Object.keys(route.params.shape) : []
    assert.deepEqual(declared.toSorted(), inPath.toSorted())
    if (route.method === 'GET') assert.equal(route.body, undefined)
    assert.ok(Object.keys(route.answers).length > 0)
    if ('204' in route.answers) assert.equal(route.answers[204], null)
    assert.match(route.summary, /\.$|\?$/)
  })

test('one service owns each first segment under /api', () => {
  const owners = new Map<string, string>()
  for (const route of routes.filter((it) => !Array.isArray(it.access))) {
    const prefix = route.path.split('/')[2] ?? ''
    assert.equal(owners.get(prefix) ?? route.app, route.app, prefix)
    owners.set(prefix, route.app)
  }
})

test('every error has a status of its kind, and only what may pass is worth a retry', () => {
  for (const [code, { status, retry, title }] of Object.entries(errorCatalogue)) {
    assert.ok(status >= 400 && status < 600, code)
    if (retry) assert.ok(status === 429 || status === 503, code)
    assert.ok(title.length > 0 && !title.endsWith('.'), code)
  }
})

test('every client event but typing takes an acknowledgement, and every server event is explained', () => {
  for (const [name, event] of Object.entries(clientEvents))
    assert.equal(event.ack === null, name.startsWith('typing:'), name)
  assert.deepEqual(Object.keys(serverEvents), Object.keys(serverEventSummaries))
  const shared = Object.keys(clientEvents).filter((name) => name in serverEvents)
  assert.deepEqual(shared, [])
})

test('every event has a topic of its own, publishers and known apps', () => {
  assert.deepEqual(duplicates(events.map((event) => event.topic)), [])
  for (const event of events) {
    assert.match(event.topic, /^[a-z]+\.[a-z]+$/)
    assert.ok(event.publishers.length > 0, event.topic)
    for (const app of [...event.publishers, ...event.subscribers]) assert.ok(appIds.includes(app), app)
  }
})

test('conversations spread evenly over the lanes', () => {
  const perLane = new Array<number>(laneCount).fill(0)
  const conversations = 64_000
  for (let n = 0; n < conversations; n++) {
    const lane = laneOf(`conversation-${n}`)
    perLane[lane] = (perLane[lane] ?? Number.NaN) + 1
  }
  const fair = conversations / laneCount
  for (const [lane, count] of perLane.entries())
    assert.ok(count > fair * 0.8 && count < fair * 1.2, `lane ${lane} has ${count}, ${fair} is fair`)
})

test('the lane of a conversation never changes', () => {
  const table = { a: 12, c1: 9, 'conversation-1': 0, 'V1StGXR8_Z5jdHi6B-my': 8 }
  for (const [id, lane] of Object.entries(table)) assert.equal(laneOf(id), lane, id)
})
