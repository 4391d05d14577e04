// docker-compose.yml, held to rules that need no Docker.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { parse } from 'yaml'
import { profiles, readResources, requiredSecrets, resourcePaths } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'
import { readRunFile } from '../lib/run-file.mjs'
import {
  compose,
  containers,
  makeSecrets,
  read,
  scratch,
  secretFile,
  secretsDir,
} from './compose-project.mjs'

const apps = readRunFile()
const isHolder = (/** @type {string} */ name) => apps.some(({ id }) => id === name)

describe('every container', () => {
  for (const [name, container] of Object.entries(containers)) {
    test(name, () => {
      assert.equal(container.read_only, true)
      assert.match(container.user, /^[1-9]\d*:[1-9]\d*$/, 'not root')
      assert.deepEqual(container.cap_drop, ['ALL'])
      assert.equal(container.cap_add, undefined)
      assert.deepEqual(container.security_opt, ['no-new-privileges:true'])
      assert.ok(container.restart)
      assert.match(container.image, /:v?\d+\.\d+(\.\d+)?(-\w+)?$/, 'pinned')
      for (const words of [container.command, container.healthcheck?.test])
        for (const word of words ?? []) assert.equal(typeof word, 'string', JSON.stringify(word))
      // A holder does nothing but wait, and the certificate is made once.
      if (!isHolder(name) && name !== 'certificate') assert.ok(container.healthcheck?.test.length > 1)
      for (const [other, { condition }] of Object.entries(container.depends_on ?? {})) {
        assert.ok(containers[other], other)
        if (condition === 'service_healthy') assert.ok(containers[other].healthcheck, other)
      }
    })
  }

  test('only the gateway is open to the world', () => {
    const open = Object.entries(containers).flatMap(([name, { ports = [] }]) =>
      ports.map((/** @type {string} */ port) => [name, port]),
    )
    assert.deepEqual(open, [
      ['gateway', `\${PARLEY_PORT:-8443}:8443`],
      ['grafana', `127.0.0.1:\${PARLEY_GRAFANA_PORT:-3000}:3000`],
    ])
  })

  test('what is mounted exists: in the repository, as a volume or as a secret', () => {
    for (const [name, { volumes = [], secrets = [] }] of Object.entries(containers)) {
      for (const volume of volumes) {
        const [source, , mode] = volume.split(':')
        if (source.startsWith('./')) {
          assert.ok(existsSync(join(root, source)), `${name}: ${source}`)
          assert.equal(mode, 'ro', `${name}: ${source}`)
        } else assert.ok(source in compose.volumes, `${name}: ${source}`)
      }
      for (const secret of secrets) assert.ok((secret.source ?? secret) in compose.secrets, name)
    }
  })

  test('secrets come from files that `npm run compose:secrets` writes, and stand nowhere else', () => {
    const files = [
      ...Object.values(compose.secrets).map(({ file }) => file),
      ...Object.values(containers).flatMap(({ env_file = [] }) => env_file),
    ]
    assert.deepEqual(
      [...new Set(files)].sort(),
      readdirSync(secretsDir)
        .filter((name) => name !== 'choices.json')
        .map((name) => `.data/compose/${name}`)
        .sort(),
    )
    for (const [name, { environment = {} }] of Object.entries(containers))
      for (const variable of Object.keys(environment))
        assert.doesNotMatch(variable, /(PASSWORD|TOKEN|SECRET)$/, name)
  })
})

describe('every app of dapr.yaml', () => {
  for (const app of apps) {
    test(`${app.id} has its container and its sidecar, which share a loopback`, () => {
      const [holder, own, sidecar] = ['', '-app', '-daprd'].map((end) => containers[app.id + end])
      assert.ok(holder.networks.includes('mesh'), 'its name is the app id')
      assert.equal(own.network_mode, `service:${app.id}`)
      assert.equal(sidecar.network_mode, `service:${app.id}`)
      assert.deepEqual(
        own.command.map((/** @type {string} */ part) => (part.includes('/') ? join(root, part) : part)),
        app.command,
      )
      assert.equal(own.environment.APP_PORT, app.appPort && String(app.appPort))
      assert.equal(own.environment.DAPR_HTTP_PORT, String(app.daprHttpPort))
      assert.deepEqual(own.env_file, sidecar.env_file, 'the same tokens')
      assert.deepEqual(own.env_file, [`.data/compose/${app.id}.env`])
      const [program, ...flags] = sidecar.command
      assert.equal(program, 'daprd')
      assert.deepEqual(flags.slice(0, app.appPort ? 6 : 5), [
        `--app-id=${app.id}`,
        ...(app.appPort ? [`--app-port=${app.appPort}`] : []),
        `--dapr-http-port=${app.daprHttpPort}`,
        `--dapr-grpc-port=${app.daprGrpcPort}`,
        '--dapr-internal-grpc-port=50002',
        `--metrics-port=${app.metricsPort}`,
      ])
      for (const flag of flags.filter((/** @type {string} */ one) => /^--(config|resources-path)=/.test(one)))
        assert.ok(
          sidecar.volumes.some((/** @type {string} */ one) => one.split(':')[1] === flag.split('=')[1]),
          flag,
        )
    })
  }

  test('the sidecars have the components of the profile `reference`', () => {
    const mounted = containers['auth-daprd'].volumes.map((/** @type {string} */ one) => one.split(':')[0])
    assert.deepEqual(
      mounted.slice(1).map((/** @type {string} */ path) => join(root, path)),
      resourcePaths(/** @type {any} */ (profiles.reference)),
    )
    const [{ spec }] = readResources([join(root, 'compose')]).flatMap(({ document }) =>
      document.kind === 'Configuration' ? [document] : [],
    )
    assert.equal(spec.nameResolution.configuration.format, '{appid}:50002')
  })

  test('the sidecar is the version that runs without containers, too', () => {
    const version = /dapr\/dapr v([\d.]+)/.exec(read('tools/dapr/daprd/go.mod'))?.[1]
    assert.match(read('Dockerfile'), new RegExp(`daprio/daprd:${version} `))
  })

  test('each has the secrets that its components ask for, and no others', () => {
    const resources = readResources(resourcePaths(/** @type {any} */ (profiles.reference)))
    for (const { id } of apps) {
      const mine = resources.filter(
        ({ document }) => document.kind === 'Component' && document.scopes?.includes(id),
      )
      const wanted = [...requiredSecrets(mine).keys()]
      if (id === 'messages') wanted.push('messages-store-url')
      if (id === 'realtime') wanted.push('redis-url')
      assert.deepEqual(Object.keys(JSON.parse(secretFile(`${id}.json`))).sort(), wanted.sort(), id)
    }
  })

  test('Prometheus asks each service and each sidecar', () => {
    const jobs = new Map(
      parse(read('compose/prometheus.yaml')).scrape_configs.map((/** @type {any} */ job) => [
        job.job_name,
        job.static_configs[0].targets.toSorted(),
      ]),
    )
    assert.deepEqual(jobs.get('daprd'), apps.map(({ id, metricsPort }) => `${id}:${metricsPort}`).sort())
    const measured = apps.filter(({ env }) => env.METRICS_PORT)
    assert.deepEqual(jobs.get('parley'), measured.map(({ id, env }) => `${id}:${env.METRICS_PORT}`).sort())
    for (const { id, env } of measured) {
      const { environment } = containers[`${id}-app`]
      assert.equal(environment.METRICS_PORT, env.METRICS_PORT)
      assert.equal(environment.PARLEY_METRICS_BIND, '0.0.0.0')
    }
  })
})

describe('secrets', () => {
  test('are readable in containers, and on this machine to their owner alone', () => {
    assert.equal(statSync(secretsDir).mode & 0o777, 0o700)
    assert.equal(statSync(join(secretsDir, 'choices.json')).mode & 0o777, 0o600)
    assert.equal(statSync(join(secretsDir, 'auth.json')).mode & 0o777, 0o444)
  })

  test('stay as they are when they are made again: the volumes know them', () => {
    const all = () => readdirSync(secretsDir).map((name) => secretFile(name))
    const before = all()
    makeSecrets()
    assert.deepEqual(all(), before)
  })

  test('git and the build of the images pass over them', () => {
    assert.equal(spawnSync('git', ['check-ignore', '.data/compose/auth.json'], { cwd: root }).status, 0)
    assert.match(read('.dockerignore'), /^\*\*$/m)
    assert.doesNotMatch(read('.dockerignore'), /^!\.data/m)
  })
})

const missingCompose = () => {
  const { status, error } = spawnSync('docker', ['compose', 'version'])
  if (error) return 'docker is not installed'
  return status === 0 ? false : 'this docker has no compose'
}

test('docker compose config', { skip: missingCompose() }, () => {
  // It wants every env_file to be there.
  const project = join(scratch, 'project')
  mkdirSync(join(project, '.data'), { recursive: true })
  spawnSync('cp', ['-r', join(root, 'docker-compose.yml'), join(root, 'compose'), project])
  spawnSync('cp', ['-r', secretsDir, join(project, '.data/compose')])
  const { status, stderr } = spawnSync('docker', ['compose', '--profile', 'observe', 'config', '--quiet'], {
    cwd: project,
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
})
