// Starts `tools/start.mjs` with stand-in apps in a directory of its own, and waits for facts.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { endGroups, isAlive, signal } from '../lib/processes.mjs'
import { root } from '../lib/root.mjs'
import { readRunState } from '../lib/run-state.mjs'

/**
 * @template T
 * @param {() => T | Promise<T>} look
 * @param {string} what for the error
 * @returns {Promise<NonNullable<T>>} the first answer that is truthy
 */
export async function until(look, what, withinMs = 30_000) {
  const deadline = Date.now() + withinMs
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > deadline) throw new Error(`Not within ${withinMs / 1000} s: ${what}`)
    await sleep(50)
  }
}

export function newRunDir() {
  const directory = mkdtempSync(join(tmpdir(), 'parley-start-'))
  const heard = (/** @type {string} */ app) => join(directory, `${app}.heard`)
  return {
    directory,
    heard: (/** @type {string} */ app) =>
      existsSync(heard(app)) ? readFileSync(heard(app), 'utf8').trim().split('\n') : [],
    state: () => readRunState(join(directory, '.data')),
    /**
     * messages, realtime and a gateway, played by stand-ins
     * @param {Record<string, string>} [env] of messages
     */
    writeRunFile(env = {}) {
      const apps = ['messages', 'realtime', 'gateway'].map((appID, index) => ({
        appID,
        appDirPath: root,
        command: ['node', 'tools/test/stand-in.mjs'],
        ...(appID === 'gateway' ? {} : { appPort: 4103 - index }),
        daprHTTPPort: 3503 - index,
        daprGRPCPort: 3553 - index,
        daprInternalGRPCPort: 3603 - index,
        metricsPort: 3653 - index,
        env: {
          HEARD: heard(appID),
          ...(appID === 'gateway' ? { GATEWAY_PORT: '8080' } : {}),
          ...(appID === 'messages' ? env : {}),
        },
      }))
      const common = { configFilePath: join(root, 'components/common/config.yaml'), logLevel: 'warn' }
      const path = join(directory, 'dapr.yaml')
      writeFileSync(path, JSON.stringify({ version: 1, common, apps }))
      return path
    },
    /** What a test that failed in the middle has left running ends, too. */
    async remove() {
      const left = readRunState(join(directory, '.data'))
      if (left) {
        // Told to, it ends servers that it has only begun to start, too.
        signal(left.supervisor.pid, 'SIGTERM')
        await until(() => !isAlive(left.supervisor), 'the end of what runs there').catch(() =>
          signal(left.supervisor.pid, 'SIGKILL'),
        )
        await endGroups(left.groups)
      }
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** @param {readonly string[]} args */
export function launch(args, script = 'tools/start.mjs') {
  const child = spawn(process.execPath, [join(root, script), '--no-build', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  // A test that fails in the middle leaves nothing behind.
  process.once('exit', () => child.kill('SIGTERM'))
  // The test command ends a file that takes too long.
  process.once('SIGTERM', () => process.exit(1))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output += chunk
    })
  }
  /** @type {Promise<number | null>} */
  const exited = new Promise((resolve) => child.on('close', (code) => resolve(code)))
  return { child, exited, output: () => output }
}
