// Another broker or store is another folder of components/, and nothing else: no code knows which it runs on, and what is
// started is the same for all.
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { componentNames } from '@parley/contracts'
import { readResources, readYaml, resourcePaths } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'
import { writeRunFile } from '../lib/run-file.mjs'

const folders = (/** @type {string} */ kind) => readdirSync(join(root, 'components', kind))
const pairs = folders('brokers').flatMap((broker) => folders('stores').map((stores) => ({ broker, stores })))

const directory = mkdtempSync(join(tmpdir(), 'parley-swap-'))
after(() => rmSync(directory, { recursive: true, force: true }))

test('what is started differs in its resourcesPaths alone, whichever the broker and the stores', () => {
  const found = pairs.map((profile) => {
    const path = writeRunFile({ profile, portOffset: 0, runDir: directory, dataDir: directory })
    const { common, ...rest } = readYaml(path)[0]?.document ?? {}
    const { resourcesPaths, ...others } = common
    assert.deepEqual(resourcesPaths, resourcePaths(profile))
    return { ...rest, common: others }
  })
  assert.ok(found.length >= 18)
  for (const one of found) assert.deepEqual(one, found[0])
})

test('every folder has the same components, for the same apps; what it may have beside them is known', () => {
  const optional = Object.values(componentNames.bindings).map(String)
  const componentsOf = (/** @type {string} */ path) =>
    readResources([join(root, 'components', path)])
      .filter(({ document }) => !optional.includes(document.metadata.name))
      .map(({ document: { metadata, scopes } }) => `${metadata.name}: ${[...scopes].sort().join(' ')}`)
      .sort()
  for (const kind of ['brokers', 'stores']) {
    const [first, ...others] = folders(kind).map((name) => componentsOf(`${kind}/${name}`))
    for (const other of others) assert.deepEqual(other, first)
  }
})

/** One that knows the kinds of brokers that have partitions, as Dapr does not tell it. */
const exception = 'packages/kit/src/sidecar/health.ts'

test('no service, no package and no page names a broker', () => {
  const types = folders('brokers').flatMap((name) =>
    readResources([join(root, 'components/brokers', name)]).map(({ document }) =>
      document.spec.type.replace('pubsub.', ''),
    ),
  )
  const names = [...new Set([...types, ...folders('brokers'), 'amqp', 'sqs', 'jetstream'])]
    // Nodes of realtime reach each other over Redis, whatever the broker; and aws is also whose push service it is.
    .filter((name) => !['redis', 'aws'].includes(name))
    .map((name) => name.replaceAll('.', '\\.'))
  const word = new RegExp(`\\b(${names.join('|')})\\b`, 'i')
  const sources = ['services', 'packages', 'web']
    .flatMap((base) =>
      readdirSync(join(root, base), { recursive: true, encoding: 'utf8' }).map((path) => `${base}/${path}`),
    )
    .filter((path) => !path.includes('node_modules/') && /\/src\/.*\.tsx?$/.test(path))
    .filter((path) => !/\.test\.tsx?$/.test(path) && path !== exception)
  assert.ok(sources.length > 100)
  assert.match(readFileSync(join(root, exception), 'utf8'), word, 'this would see it')
  for (const path of sources) {
    const code = readFileSync(join(root, path), 'utf8')
      .split('\n')
      .filter((line) => !/^\s*(\/\/|\/?\*)/.test(line))
    assert.deepEqual(
      code.filter((line) => word.test(line)),
      [],
      path,
    )
  }
})
