// npm run kind, as far as that goes without Docker: what it says where Docker is missing, and what it would do, by stand-ins that
// write down how they are called.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { root } from '../lib/root.mjs'

const scratch = mkdtempSync(join(tmpdir(), 'parley-kind-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

/**
 * @param {Record<string, string>} programs name → what its shell script does
 * @param {readonly string[]} [args]
 */
function kind(programs, args = []) {
  const bin = mkdtempSync(join(scratch, 'bin-'))
  const calls = join(bin, 'calls')
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >> ${calls}\n${script}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'tools/kind.mjs'), '--data', scratch, ...args],
    { encoding: 'utf8', env: { HOME: scratch, PATH: bin } },
  )
  return {
    status,
    output: stdout + stderr,
    calls: existsSync(calls) ? readFileSync(calls, 'utf8').trim().split('\n') : [],
  }
}

/** Of the shell alone: there are no other programs on its path. */
const keep = `case "$*" in *"apply -f -") while IFS= read -r line; do printf "%s\\n" "$line"; done > ${join(scratch, 'secrets.json')};; esac`

describe('npm run kind', () => {
  test('says what to do where there is no Docker, and where it does not answer', () => {
    const none = kind({})
    assert.equal(none.status, 1)
    assert.match(none.output, /^✗ npm run kind needs Docker, and there is no `docker` here: install it/)
    const silent = kind({ docker: 'echo "Cannot connect to the Docker daemon"; exit 1' })
    assert.equal(silent.status, 1)
    assert.match(silent.output, /it does not answer: start the Docker engine.* Cannot connect/)
    assert.deepEqual(silent.calls.length, 1)
  })

  test('makes a cluster, loads the images, installs Dapr, then applies and waits, and tells the address', () => {
    mkdirSync(join(scratch, '.data'), { recursive: true })
    const done = kind({ docker: '', kind: '', helm: '', kubectl: keep })
    assert.equal(done.status, 0, done.output)
    assert.match(done.output, /Parley is at http:\/\/localhost:8080/)
    assert.deepEqual(
      done.calls.map((call) =>
        call
          .replace(/ --kubeconfig \S+/, '')
          .split(' ')
          .slice(0, 3)
          .join(' '),
      ),
      [
        'docker version --format',
        'kind get clusters',
        'kind create cluster',
        'docker build --target',
        'docker build --target',
        'kind load docker-image',
        'helm upgrade --install',
        'kubectl apply -f',
        'kubectl apply -f',
        'kubectl apply -k',
        'kubectl rollout status',
        'kubectl rollout status',
      ],
    )
    for (const [, path = ''] of done.calls.join(' ').matchAll(/(?:-f|-k|--config|--values) (\/\S+)/g))
      assert.ok(existsSync(path), path)
    const { items } = JSON.parse(readFileSync(join(scratch, 'secrets.json'), 'utf8'))
    assert.ok(items.some((/** @type {any} */ { metadata }) => metadata.name === 'postgres-password'))
  })

  test('finds the cluster of before, and takes it down', () => {
    const again = kind({
      docker: '',
      kind: 'case "$*" in "get clusters") echo parley;; esac',
      helm: '',
      kubectl: keep,
    })
    assert.equal(again.status, 0, again.output)
    assert.equal(
      again.calls.some((call) => call.startsWith('kind create')),
      false,
    )
    assert.ok(
      again.calls.some((call) => call.includes('rollout restart deployment')),
      'what is new runs',
    )
    const down = kind({ docker: '', kind: '' }, ['--down'])
    assert.equal(down.status, 0, down.output)
    assert.match(down.calls.at(-1) ?? '', /^kind delete cluster --name parley/)
  })

  test('stops at what fails, and says what it said', () => {
    const failed = kind({
      docker: 'case "$*" in build*) echo "no space left"; exit 1;; esac',
      kind: '',
      helm: '',
      kubectl: '',
    })
    assert.equal(failed.status, 1)
    assert.match(failed.output, /Building parley\/service:0.1.0 failed:\nno space left/)
    assert.equal(
      failed.calls.some((call) => call.startsWith('helm')),
      false,
    )
  })
})
