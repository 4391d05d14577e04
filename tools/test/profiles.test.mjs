// The real services on each profile: they start, store a message, stop, and have it at the next start.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readNotice } from '../lib/log-file.mjs'
import { profiles } from '../lib/profiles.mjs'
import { launch, newRunDir, until } from './running.mjs'

const needs = /** @type {Record<string, string[]>} */ ({
  redis: ['redis-server'],
  // Go, to build FerretDB.
  reference: ['redis-server', 'rabbitmq-server', 'go'],
})
const isMissing = (/** @type {string} */ profile) => {
  const missing = needs[profile]?.find((program) => !isInstalled(program))
  return missing ? `${missing} is not installed` : false
}
const isInstalled = (/** @type {string} */ program) =>
  !spawnSync('sh', ['-c', 'command -v "$0"', program], {
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  }).status

for (const profile of Object.keys(profiles)) {
  test(`profile ${profile}: what was said is there at the next start`, {
    skip: isMissing(profile),
  }, async (context) => {
    const run = newRunDir()
    const args = ['--profile', profile, '--port-offset', 'auto', '--data', run.directory]
    let parley = launch(args)
    const gateway = async () => {
      await until(() => run.state()?.state === 'ready' || parley.child.exitCode !== null, 'the start', 90_000)
      assert.equal(run.state()?.state, 'ready', parley.output())
      return /** @type {string} */ (run.state()?.urls.gateway)
    }
    try {
      let url = await gateway()
      const call = async (
        /** @type {string} */ path,
        /** @type {string} */ token,
        /** @type {unknown} */ body = undefined,
      ) => {
        const answer = await fetch(url + path, {
          method: body === undefined ? 'GET' : 'POST',
          headers: {
            'content-type': 'application/json',
            ...(token ? { authorization: `Bearer ${token}` } : {}),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.clone().text()}`)
        return /** @type {any} */ (await answer.json())
      }
      const who = { username: `ada-${process.pid}`, password: 'correct horse battery' }
      const { accessToken, user } = await call('/api/auth/register', '', who)
      // One of each service that keeps something: they may share a store.
      await call(`/api/presence?userIds=${user.id}`, accessToken)
      await call('/api/notifications/preferences', accessToken)
      const { id } = await call('/api/conversations', accessToken, {
        kind: 'group',
        title: 'Tea',
        memberIds: [],
      })
      const sent = await call(`/api/conversations/${id}/messages`, accessToken, {
        clientId: 'one',
        text: 'hello',
      })
      parley.child.kill('SIGINT')
      assert.equal(await parley.exited, 0)
      assert.deepEqual(errorsIn(join(run.directory, '.data/logs')), [])

      const started = Date.now()
      parley = launch(args)
      url = await gateway()
      context.diagnostic(`the second start took ${Date.now() - started} ms`)
      const again = await call('/api/auth/login', '', who)
      const page = await call(`/api/conversations/${id}/messages`, again.accessToken)
      assert.deepEqual(page.items, [sent])
    } finally {
      parley.child.kill('SIGINT')
      await parley.exited
      await run.remove()
    }
  })
}

/** A start, a message and a stop are nothing to complain about. */
const errorsIn = (/** @type {string} */ directory) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.log'))
    .flatMap((name) => readFileSync(join(directory, name), 'utf8').split('\n'))
    .flatMap((line) => readNotice(line) ?? [])
    .filter(({ level }) => level !== 'warning')
