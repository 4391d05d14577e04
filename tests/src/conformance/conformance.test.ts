/** The short form of `npm run conformance`: the profiles that have a name, with one replica. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { checks } from './checks.ts'
import { apply, missingFor, type Subject, startSubject } from './subject.ts'

const profiles = [
  { name: 'embedded', broker: 'mqtt', stores: 'postgres' },
  { name: 'redis', broker: 'redis', stores: 'redis' },
  { name: 'reference', broker: 'rabbitmq', stores: 'reference' },
]
/** Idle takes its time; the tests of kills and of replicas kill services, more of them. */
const onlyInLong = ['service restart', 'idle reconnect']

/** Passes more often than not, which is no test; the long form runs it. */
const lostConsumers =
  'after RabbitMQ was away, sidecars of Dapr 1.18 keep events to themselves (components-contrib#4540)'

for (const { name, ...folders } of profiles) {
  const combination = { ...folders, replicas: 1 }
  const missing = await missingFor(combination)
  describe(`conformance of ${name}`, { skip: missing ?? false }, () => {
    let subject: Subject
    before(async () => {
      subject = await startSubject(combination)
    })
    after(() => subject?.close())

    for (const check of checks.filter((one) => !onlyInLong.includes(one.name))) {
      const skip = folders.broker === 'rabbitmq' && check.name === 'broker restart' && lostConsumers
      it(`${check.name}: ${check.means}`, { skip }, () => apply(subject, check))
    }

    if (name === 'embedded')
      it('the demo loses its connections on the way, and finds that all is well', async () => {
        const script = fileURLToPath(new URL('../../../tools/demo.mjs', import.meta.url))
        const args = [script, '--url', subject.system.parley.url, '--messages', '90']
        // Rejects, with all that was printed, where it ends with another code than 0.
        const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 300_000 })
        assert.match(stdout, /✓ stored +90 of 90\n.*✓ delivered +90 of 90 to Ada, 90 of 90 to Bob\n/s)
        assert.match(stdout, /✓ duplicates +0\n/)
        assert.match(stdout, /All is well/)
      })
  })
}
