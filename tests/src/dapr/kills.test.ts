import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { AppId } from '@parley/contracts'
import { type RealSystem, startReal } from './start.ts'
import { betweenMs, underTraffic } from './under-traffic.ts'

const stoppedMs = 5_000

let chat: RealSystem
before(async () => {
  chat = await startReal()
})
after(() => chat?.close())

const apps: readonly AppId[] = ['messages', 'realtime', 'auth', 'presence', 'notifications', 'gateway']

describe('a SIGKILL in the middle of traffic loses nothing and doubles nothing', () => {
  for (const what of ['app', 'daprd'] as const)
    it(`of each service's ${what}`, () =>
      underTraffic(chat, async () => {
        for (const app of apps) {
          await chat.parley.kill(app, what)
          await delay(betweenMs)
        }
      }))
})

describe('a service that stands still', () => {
  for (const app of ['messages', 'realtime'] as const)
    it(`is waited for: ${app}`, () =>
      underTraffic(chat, async () => {
        const pid = (await chat.parley.state()).apps[app]?.pids.app
        assert.ok(pid)
        process.kill(pid, 'SIGSTOP')
        await delay(stoppedMs)
        process.kill(pid, 'SIGCONT')
        await delay(betweenMs)
      }))
})
