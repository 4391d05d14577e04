import assert from 'node:assert/strict'
import { appendFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { Entry } from '@parley/contracts'
import { type Parley, startParley, until } from '@parley/testkit'
import { appWriter } from '../people/traffic.ts'
import { type RealSystem, startReal } from './start.ts'
import { tool } from './tool.ts'

const gatewayPort = 8080

let chat: RealSystem | undefined
let restored: Parley | undefined
let base: string
after(async () => {
  await chat?.close()
  await restored?.stop()
  if (base) await rm(base, { recursive: true, force: true })
})

it('a backup of a Parley under load is, restored elsewhere, what it was then, and goes on from there', async () => {
  base = await mkdtemp(join(tmpdir(), 'parley-backup-'))
  const [old, fresh, to] = [join(base, 'old'), join(base, 'new'), join(base, 'backup')]
  chat = await startReal([], old)
  const [ann, bob] = await chat.people('ann', 'bob')
  const { id } = await ann.group('Team', [bob])
  const writers = await Promise.all([ann, bob].map((p) => appWriter(p, { conversationId: id, everyMs: 60 })))
  const reader = await bob.chat()
  const resets: number[] = []
  const heard: Entry[] = []
  reader.on('reset', ({ head }) => resets.push(head))
  reader.on('entry', (entry) => heard.push(entry))
  reader.follow(id, 0)
  await delay(1_500)

  const acknowledged = await ann.log(id)
  await tool('backup', '--to', to, '--data', old)
  await delay(500)
  await Promise.all(writers.map((writer) => writer.stop()))
  const [log, history] = [await ann.log(id), await ann.history(id)]
  for (const writer of writers) await writer.verify(log, history)
  await until(() => reader.cursor(id) === log.length, 'the reader has all')

  const offset = String(Number(new URL(chat.parley.url).port) - gatewayPort)
  await chat.parley.stop()
  await tool('restore', '--from', to, '--data', fresh)
  restored = await startParley({ directory: fresh, args: ['--port-offset', offset] })
  const kept = await ann.log(id)
  assert.deepEqual(kept, log.slice(0, kept.length), 'what is there is what was there')
  assert.ok(kept.length >= acknowledged.length, 'all that was acknowledged before is there')
  assert.ok(kept.length < log.length, 'what came after the backup is not')

  await until(() => resets.length > 0, 'a client that knows more begins anew', 60_000)
  assert.deepEqual(resets, [kept.length])
  heard.length = 0
  const device = await ann.device()
  const [first] = history.filter(({ senderId }) => senderId === ann.id)
  assert.ok(first)
  assert.deepEqual(await device.send(id, 'another text', first.clientId), first, 'client ids are remembered')
  const again = await device.send(id, 'after the restore')
  assert.equal(again.seq, kept.length + 1)
  await until(() => reader.cursor(id) === again.seq, 'it goes on with what is said now')
  assert.deepEqual(
    heard.filter(({ conversationId }) => conversationId === id).map(({ seq }) => seq),
    [again.seq],
  )
})

it('a backup that is damaged is refused', async () => {
  const path = join(base, 'backup', 'postgres', 'PG_VERSION')
  await appendFile(path, ' ')
  await assert.rejects(
    tool('restore', '--from', join(base, 'backup'), '--data', join(base, 'other')),
    /damaged: "postgres\/PG_VERSION"/,
  )
})
