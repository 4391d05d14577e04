/** The short form of `npm run conformance`: the profiles that have a name, with one replica. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isLong, onlyInLong } from '../long.ts'
import { checks } from './checks.ts'
import { apply, missingFor, type Subject, startSubject } from './subject.ts'

const profiles = [
  { name: 'embedded', broker: 'mqtt', stores: 'postgres' },
  { name: 'redis', broker: 'redis', stores: 'redis' },
  { name: 'reference', broker: 'rabbitmq', stores: 'reference' },
]
/** They take their time; the tests of kills and of replicas kill services, more of them. */
const long = ['service restart', 'idle reconnect']
/** And RabbitMQ's, half a minute in which its consumers come back. */
const isOnlyInLong = (broker: string, check: string) =>
  !isLong && (long.includes(check) || (broker === 'rabbitmq' && check === 'broker restart'))

for (const { name, ...folders } of profiles) {
  const combination = { ...folders, replicas: 1 }
  const missing = await missingFor(combination)
  describe(`conformance of ${name}`, { skip: missing ?? false }, () => {
    let subject: Subject
    let keepLogs = false
    before(async () => {
      subject = await startSubject(combination)
    })
    after(() => subject?.close({ keepLogs }))

    for (const check of checks)
      it(
        `${check.name}: ${check.means}`,
        {
          skip: isOnlyInLong(folders.broker, check.name) && onlyInLong,
        },
        () =>
          apply(subject, check).catch((error) => {
            keepLogs = true
            throw new Error(`The logs are in ${subject.logs}`, { cause: error })
          }),
      )

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
