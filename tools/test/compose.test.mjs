// docker-compose.yml, held to rules that need no Docker, and what its containers run, run here as it is.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { parse } from 'yaml'
import { portIsFree } from '../lib/ports.mjs'
import { profiles, readResources, requiredSecrets, resourcePaths } from '../lib/profiles.mjs'
import { root } from '../lib/root.mjs'
import { readRunFile } from '../lib/run-file.mjs'
import { until } from './running.mjs'

const read = (/** @type {string} */ path) => readFileSync(join(root, path), 'utf8')
const compose = parse(read('docker-compose.yml'), { merge: true, maxAliasCount: -1 })
/** @type {Record<string, any>} */
const containers = compose.services
const apps = readRunFile()
const isHolder = (/** @type {string} */ name) => apps.some(({ id }) => id === name)

const scratch = mkdtempSync(join(tmpdir(), 'parley-compose-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const secretsDir = join(scratch, 'secrets')
const makeSecrets = () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['tools/compose-secrets.mjs', '--directory', secretsDir],
    { cwd: root, encoding: 'utf8' },
  )
  assert.equal(status, 0, stderr)
}
makeSecrets()
const secretFile = (/** @type {string} */ name) => readFileSync(join(secretsDir, name), 'utf8')

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

  test('Prometheus asks each sidecar', () => {
    const [{ static_configs }] = parse(read('compose/prometheus.yaml')).scrape_configs
    assert.deepEqual(
      static_configs[0].targets.toSorted(),
      apps.map(({ id, metricsPort }) => `${id}:${metricsPort}`).sort(),
    )
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

/** @param {string} app what its container gets, on ports of this machine that are free, with no sidecar behind them */
async function environmentOf(app, more = {}) {
  const tokens = secretFile(`${app}.env`)
    .trim()
    .split('\n')
    .map((line) => line.split('='))
  const own = Object.entries(containers[`${app}-app`].environment).map(([name, value]) => [
    name,
    // As Compose fills it in where nothing is set.
    String(value).replace(/\$\{\w+:-(.*?)\}/g, '$1'),
  ])
  return { PATH: process.env.PATH, ...Object.fromEntries([...tokens, ...own]), ...more }
}

let nextPort = 21_000 + (process.pid % 4_000)
async function freePort() {
  while (!(await portIsFree(++nextPort)));
  return String(nextPort)
}

/**
 * @param {string} app
 * @param {Record<string, string | undefined>} env
 */
function run(app, env) {
  const [, ...args] = containers[`${app}-app`].command
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (output += text))
  const exited = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? signal)))
  return { child, exited, output: () => output }
}

describe('what a container runs, without a sidecar', () => {
  for (const app of ['auth', 'messages', 'presence', 'notifications']) {
    test(`${app} lives, is not ready, and ends on SIGTERM`, { timeout: 60_000 }, async () => {
      const port = await freePort()
      const service = run(app, await environmentOf(app, { APP_PORT: port, DAPR_HTTP_PORT: '1' }))
      try {
        const status = (/** @type {string} */ path) =>
          fetch(`http://127.0.0.1:${port}${path}`).then(
            (answer) => answer.status,
            () => 0,
          )
        await until(async () => (await status('/healthz')) === 200, service.output(), 30_000)
        assert.equal(await status('/readyz'), 503)
        const { test: question } = containers[`${app}-app`].healthcheck
        const asked = (/** @type {string} */ path) =>
          spawnSync(process.execPath, question.slice(2), {
            env: { HEALTH_URL: `http://127.0.0.1:${port}${path}` },
          }).status
        assert.equal(asked('/healthz'), 0)
        assert.equal(asked('/readyz'), 1)
        service.child.kill('SIGTERM')
        await service.exited
        assert.match(service.output(), new RegExp(`${app} is closed`))
      } finally {
        service.child.kill('SIGKILL')
      }
    })
  }

  test('realtime says what it waits for, and ends on SIGTERM', { timeout: 60_000 }, async () => {
    const service = run(
      'realtime',
      await environmentOf('realtime', { APP_PORT: await freePort(), DAPR_HTTP_PORT: '1' }),
    )
    try {
      await until(() => service.output().includes('still waiting for the Dapr sidecar'), 'the line', 40_000)
      service.child.kill('SIGTERM')
      assert.equal(await service.exited, 'SIGTERM')
    } finally {
      service.child.kill('SIGKILL')
    }
  })

  const program = (/** @type {string} */ name) =>
    ['nginx', 'openssl'].includes(name) &&
    spawnSync('sh', ['-c', 'PATH="$PATH:/usr/sbin" command -v "$0"', name]).status !== 0
      ? `${name} is not installed`
      : false

  test('gateway serves TLS by the certificate that is made at the first start', {
    timeout: 60_000,
    skip: program('nginx') || program('openssl'),
  }, async () => {
    const tls = join(scratch, 'tls')
    mkdirSync(tls)
    const [shell, flag, script] = containers.certificate.command
    const make = () =>
      spawnSync(shell, [flag, script.replaceAll('$$', '$').replaceAll('/tls', tls)], {
        env: { PATH: process.env.PATH, PARLEY_HOST: 'chat.example' },
        encoding: 'utf8',
      })
    assert.equal(make().status, 0)
    const certificate = readFileSync(join(tls, 'cert.pem'), 'utf8')
    assert.equal(make().status, 0)
    assert.equal(readFileSync(join(tls, 'cert.pem'), 'utf8'), certificate, 'it is made once')

    const port = await freePort()
    const gateway = run(
      'gateway',
      await environmentOf('gateway', {
        GATEWAY_PORT: port,
        GATEWAY_BIND: '127.0.0.1',
        GATEWAY_RUN_DIR: join(scratch, 'gateway'),
        GATEWAY_TLS_CERT: join(tls, 'cert.pem'),
        GATEWAY_TLS_KEY: join(tls, 'key.pem'),
        REALTIME_HOST: '127.0.0.1',
        DAPR_HTTP_PORT: '1',
      }),
    )
    try {
      const healthy = () =>
        new Promise((resolve) => {
          get({ port, path: '/healthz', ca: certificate, servername: 'chat.example' }, (answer) =>
            resolve(answer.resume().statusCode === 200),
          ).on('error', () => resolve(false))
        })
      await until(healthy, 'the gateway', 30_000)
      const [, flag = '', question] = containers['gateway-app'].healthcheck.test.slice(1)
      const asked = spawnSync(process.execPath, [flag, question.replace('8443', port)])
      assert.equal(asked.status, 0, 'the health check of its container')
      gateway.child.kill('SIGTERM')
      assert.equal(await gateway.exited, 0, gateway.output())
    } finally {
      gateway.child.kill('SIGKILL')
    }
  })
})
