import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { secretManifests } from '../lib/kubernetes/secrets.mjs'
import { explainFailure, isEcho, LogFile, readNotice } from '../lib/log-file.mjs'
import { endGroups, isAlive } from '../lib/processes.mjs'
import { demandSecrets, readYaml } from '../lib/profiles.mjs'
import { demandComponents } from '../lib/resources.mjs'
import { addressServers, chooseStores, loadSecrets, saveSecrets } from '../lib/secrets.mjs'

/** @param {(directory: string) => void | Promise<void>} use */
const inDirectory = (use) => async () => {
  const directory = mkdtempSync(join(tmpdir(), 'parley-lib-'))
  try {
    await use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

describe('what a log line says', () => {
  const cases = /** @type {const} */ ([
    ['== APP == {"level":"info","msg":"listening"}', undefined],
    [
      '\x1b[94;1m== APP == {"level":"error","msg":"cannot start","err":{"message":"no store"}}\x1b[0m',
      { level: 'error', text: 'cannot start: no store' },
    ],
    [
      '== APP == ConfigError: APP_PORT is not set.',
      { level: 'error', text: 'ConfigError: APP_PORT is not set.' },
    ],
    ['== APP ==     at Object.<anonymous> (file.js:1:1)', undefined],
    ['time="2026-01-01T00:00:00Z" level=info msg="dapr initialized"', undefined],
    [
      'time="2026-01-01T00:00:00Z" level=fatal msg="Fatal error from runtime: \\"x\\" not found" app_id=a',
      { level: 'fatal', text: 'sidecar: Fatal error from runtime: "x" not found' },
    ],
    [
      '❌  The daprd process exited with error code: exit status 1',
      { level: 'error', text: 'The daprd process exited with error code: exit status 1' },
    ],
    ['ℹ️  Starting Dapr with id a.', undefined],
  ])
  for (const [line, expected] of cases) {
    test(JSON.stringify(line).slice(0, 60), () => assert.deepEqual(readNotice(line), expected))
  }

  test('a failure is explained by the worst line, not by what follows from it', () => {
    const text = [cases[6][0], '❌  Error exiting Dapr: exit status 1', cases[5][0]].join('\n')
    assert.match(String(explainFailure(text)), /"x" not found/)
    assert.equal(explainFailure('== APP == all is well'), undefined)
    assert.ok(isEcho({ level: 'error', text: 'Error exiting App: signal: killed' }))
  })

  test(
    'a log is read on from where it was read, by whole lines',
    inDirectory((directory) => {
      const path = join(directory, 'app.log')
      writeFileSync(path, 'of the run before\n')
      const log = new LogFile(path)
      assert.equal(readFileSync(`${path}.1`, 'utf8'), 'of the run before\n')
      writeFileSync(path, 'one\ntw', { flag: 'a' })
      assert.deepEqual(log.newLines(), ['one'])
      writeFileSync(path, 'o\nthree\n', { flag: 'a' })
      assert.deepEqual(log.newLines(), ['two', 'three'])
    }),
  )
})

describe('secrets', () => {
  const ports = { postgres: 1, mqtt: 2, redis: 3, rabbitmq: 4, mongodb: 5, kafka: 6, nats: 7, aws: 8 }
  const embedded = (/** @type {string} */ name) => ['postgres-url', 'mqtt-url'].includes(name)

  test(
    'are made once, kept, and readable by their owner only',
    inDirectory((directory) => {
      const first = loadSecrets(directory)
      assert.deepEqual([...addressServers(first, ports, embedded)], ['postgres', 'mqtt'])
      saveSecrets(directory, first)
      assert.equal(statSync(join(directory, 'secrets.json')).mode & 0o777, 0o600)
      assert.deepEqual(loadSecrets(directory), first)
      assert.equal(first['redis-url'], undefined, 'no Redis is announced where there is none')
    }),
  )

  test(
    'follow the ports, but leave a server alone that a person named',
    inDirectory((directory) => {
      const secrets = loadSecrets(directory)
      addressServers(secrets, ports, () => true)
      secrets['postgres-url'] = 'host=db.example.com user=chat password=theirs'
      const own = addressServers(secrets, { ...ports, mqtt: 12, redis: 13 }, () => true)
      assert.deepEqual([...own], Object.keys(ports).slice(1))
      assert.equal(secrets['postgres-url'], 'host=db.example.com user=chat password=theirs')
      assert.match(String(secrets['mqtt-url']), /:12$/)
      assert.equal(secrets['redis-host'], '127.0.0.1:13')
    }),
  )

  test(
    'an address is taken apart for the components that want it so',
    inDirectory((directory) => {
      const secrets = loadSecrets(directory)
      Object.assign(secrets, {
        'redis-url': 'redis://:p%40ss@cache.example.com',
        'kafka-url': 'kafka://chat:p%40ss@a.example.com:9092,b.example.com:9093',
        'aws-url': 'aws://AKIA:se%2Fcret@eu-central-1',
      })
      addressServers(secrets, ports, () => true)
      const parts = Object.entries(secrets).filter(([name]) =>
        /^(redis|kafka|aws)-(?!url|password)/.test(name),
      )
      assert.deepEqual(Object.fromEntries(parts), {
        'redis-host': 'cache.example.com:6379',
        'redis-auth': 'p@ss',
        'kafka-brokers': 'a.example.com:9092,b.example.com:9093',
        'kafka-username': 'chat',
        'kafka-auth': 'p@ss',
        'aws-region': 'eu-central-1',
        'aws-access-key': 'AKIA',
        'aws-secret-key': 'se/cret',
        'aws-endpoint': '',
      })
      secrets['kafka-url'] = 'a.example.com:9092'
      assert.throws(() => addressServers(secrets, ports, () => true), /"kafka-url" in .* such as kafka:/)
    }),
  )

  test(
    'name a store by its address while a profile wishes it, but leave one alone that a person named',
    inDirectory((directory) => {
      const resource = {
        document: {
          kind: 'DirectStore',
          metadata: { name: 'messages-store' },
          spec: { metadata: [{ name: 'url', secretKeyRef: { name: 'mongodb-url' } }] },
        },
      }
      const secrets = loadSecrets(directory)
      const start = (/** @type {any[]} */ wished) => {
        const { resources, address } = chooseStores(secrets, wished)
        addressServers(secrets, ports, (name) => resources.length > 0 && name === 'mongodb-url')
        address()
      }
      start([resource])
      assert.match(String(secrets['messages-store-url']), /^mongodb:\/\/parley:.*@127\.0\.0\.1:5\/parley$/)
      start([])
      assert.equal(secrets['messages-store-url'], undefined)
      secrets['messages-store-url'] = 'postgres://theirs'
      start([resource])
      assert.equal(secrets['messages-store-url'], 'postgres://theirs')
      assert.equal(secrets['mongodb-url'], undefined, 'no server of ours is needed')
    }),
  )

  test(
    'a file that is not JSON is not replaced',
    inDirectory((directory) => {
      writeFileSync(join(directory, 'secrets.json'), '{')
      assert.throws(() => loadSecrets(directory), /is not JSON: mend it/)
    }),
  )

  test('one that a component needs and nobody gave is named', () => {
    const resources = [
      {
        file: 'components/brokers/x/pubsub.yaml',
        document: {
          kind: 'Component',
          spec: { metadata: [{ name: 'a', secretKeyRef: { name: 'kafka-url' } }] },
        },
      },
    ]
    assert.throws(
      () => demandSecrets(resources, {}),
      /components\/brokers\/x\/pubsub\.yaml needs the secret "kafka-url": add it/,
    )
    demandSecrets(resources, { 'kafka-url': 'x' })
  })
})

test(
  'broken YAML is named with its file and line',
  inDirectory((directory) => {
    const path = join(directory, 'pubsub.yaml')
    writeFileSync(path, 'kind: Component\nspec:\n  type: "x\n')
    assert.throws(() => readYaml(path), /pubsub\.yaml is not valid YAML in line [34]: .*Mend it/)
  }),
)

describe('resources', () => {
  const component = (/** @type {object} */ more = {}) => ({
    file: 'components/stores/x/auth-store.yaml',
    document: { kind: 'Component', metadata: { name: 'auth-store' }, scopes: ['auth'], ...more },
  })
  const needs = [{ name: 'auth-store', app: 'auth' }]
  const cases = /** @type {const} */ ([
    [
      'of a kind that Dapr does not know',
      [component({ kind: 'Komponent' })],
      /the kind "Komponent".*Mend it/,
    ],
    ['that are empty', [{ file: 'a.yaml', document: null }], /a\.yaml has the kind "undefined"/],
    [
      'that are missing',
      [component({ metadata: { name: 'other' } })],
      /no component "auth-store".*auth needs/,
    ],
    ['that shut their app out', [component({ scopes: ['nobody'] })], /does not let auth use it: add auth/],
  ])
  for (const [what, resources, sentence] of cases)
    test(`${what} are refused before anything starts`, () => {
      assert.throws(() => demandComponents(resources, needs), sentence)
    })

  test('without scopes a component is for every app', () => {
    demandComponents([component(), component({ scopes: undefined })], needs)
    demandComponents([component({ scopes: undefined })], needs)
  })
})

test('a process id that was used again is nobody of ours', async () => {
  const stranger = { pid: process.pid, startedAt: 'another time' }
  assert.equal(isAlive(stranger), false)
  assert.equal(await endGroups([stranger]), 0)
})

describe('secrets on Kubernetes', () => {
  const choices = new Proxy(/** @type {Record<string, string>} */ ({}), {
    get: (own, key) => own[String(key)] ?? (String(key).endsWith('-url') ? undefined : 'x'),
  })
  const secretOf = (/** @type {string} */ name) =>
    secretManifests(choices).find(({ metadata }) => metadata.name === name)?.stringData[name] ?? ''

  test('an address that somebody gives stands above ours', () => {
    assert.match(secretOf('messages-store-url'), /^mongodb:/)
    choices['messages-store-url'] = 'postgres://db/parley'
    assert.equal(secretOf('messages-store-url'), 'postgres://db/parley')
  })

  test('a Redis with a user or TLS is refused with a sentence, as presence could not reach it', () => {
    for (const url of ['rediss://:p@redis:6379', 'redis://parley:p@redis:6379']) {
      choices['redis-url'] = url
      assert.throws(() => secretManifests(choices), /names a user or TLS/)
    }
  })
})
