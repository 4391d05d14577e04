// The doctor finds nothing in what the repository has; its command; where its fields are from.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { diagnose } from '../lib/doctor/diagnose.mjs'
import { fields } from '../lib/doctor/fields.mjs'
import { readFields } from '../lib/doctor/read-fields.mjs'
import { span } from '../lib/doctor/resiliency.mjs'
import { allSets, foldersOf, profileSets, runFileSets } from '../lib/doctor/sets.mjs'
import { findModules } from '../lib/doctor/write-fields.mjs'
import { root } from '../lib/root.mjs'
import { context, short } from './planting.mjs'

describe('what the repository has', () => {
  test('every broker with every set of stores is looked at', () => {
    assert.equal(allSets().length, foldersOf('brokers').length * foldersOf('stores').length)
    assert.ok(allSets().length >= 18)
  })
  for (const sets of allSets()) {
    test(`${sets[0]?.where}: neither errors nor warnings`, () =>
      assert.deepEqual(diagnose(sets, context), []))
  }
  test('dapr.yaml: neither errors nor warnings', () => {
    const sets = runFileSets(join(root, 'dapr.yaml'))
    assert.deepEqual(
      sets.map(({ where }) => where),
      profileSets({ profile: 'embedded' }).map(({ where }) => where),
    )
    assert.deepEqual(diagnose(sets, context), [])
  })
})

test('apps with folders of their own need only what is theirs, and hear for each other', () => {
  const [all] = profileSets({})
  assert.ok(all)
  const apart = (/** @type {string[]} */ apps) => ({
    ...all,
    apps,
    resources: all.resources.filter(
      ({ document }) =>
        !document.scopes || document.scopes.some((/** @type {string} */ app) => apps.includes(app)),
    ),
  })
  const sets = [apart(['messages', 'gateway', 'auth']), apart(['realtime', 'presence', 'notifications'])]
  assert.deepEqual(diagnose(sets, context), [])
  // Nobody but `messages` keeps dead letters.
  const alone = short(diagnose(sets.slice(1), context))
  assert.equal(alone.length, 9)
  for (const what of alone) assert.match(what, /^error: nobody subscribes to dead-letter\./)
})

describe('how long an event is tried', () => {
  for (const [policy, total] of /** @type {const} */ ([
    [{ policy: 'constant', duration: '1m30s', maxRetries: 2 }, 180],
    [{ policy: 'constant', duration: '5000', maxRetries: 60 }, 300],
    [{ maxRetries: 0 }, 0],
    [{}, Number.POSITIVE_INFINITY],
    [{ policy: 'exponential', maxInterval: '5s', maxRetries: 3 }, 0.5 + 0.75 + 1.125],
    [{ policy: 'exponential', maxInterval: '5s' }, 900],
    [{ policy: 'exponential', maxInterval: 'long' }, Number.NaN],
  ])) {
    test(JSON.stringify(policy), () => assert.equal(span(policy).total, total))
  }
})

describe('fields.json', () => {
  const pinned = readFileSync(join(root, 'tools/dapr/daprd/go.mod'), 'utf8')
  test('is of the Dapr that is pinned', () => {
    for (const [module, version] of Object.entries(fields.from)) {
      assert.ok(
        pinned.includes(`${module} ${version}\n`),
        `${module} ${version}: run tools/lib/doctor/write-fields.mjs`,
      )
    }
  })
  test('is what its sources say', async (t) => {
    const modules = await findModules()
    if (!modules) return t.skip("Dapr's sources are not in Go's module cache")
    assert.deepEqual(fields, JSON.parse(JSON.stringify(readFields(modules))))
  })
})

test('the command: file, line, what to change, and the exit code; no secret in it', () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-doctor-'))
  try {
    cpSync(join(root, 'components'), join(directory, 'components'), { recursive: true })
    cpSync(join(root, 'dapr.yaml'), join(directory, 'dapr.yaml'))
    const run = () =>
      spawnSync(process.execPath, ['tools/doctor.mjs', '--run-file', join(directory, 'dapr.yaml')], {
        cwd: root,
        encoding: 'utf8',
      })
    const well = run()
    assert.equal(well.status, 0, well.stderr)
    assert.match(well.stdout, /^All is well in 9 component files\.$/m)

    const path = join(directory, 'components/brokers/mqtt/pubsub.yaml')
    const text = readFileSync(path, 'utf8').replace('value: "1"', 'value: "0"')
    writeFileSync(path, `${text}secrets: redis://:hunter2@host\n`)
    const lineOf = (/** @type {string} */ part) => text.slice(0, text.indexOf(part)).split('\n').length
    const ill = run()
    assert.equal(ill.status, 1)
    assert.match(
      ill.stderr,
      new RegExp(`pubsub\\.yaml:${lineOf('- name: qos')}: qos is "0": .*\\n  → set qos to "1"\\.`),
    )
    assert.match(ill.stderr, new RegExp(`pubsub\\.yaml:${text.split('\n').length}: "secrets" is no field`))
    assert.match(ill.stdout, /^9 component files: 3 errors, 0 warnings\.$/m)
    assert.doesNotMatch(ill.stderr + ill.stdout, /hunter2/)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
