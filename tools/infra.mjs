// npm run infra: only the servers (PostgreSQL, broker), for those who start the services themselves with the Dapr CLI.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { provideDapr } from './dapr.mjs'
import { readOptions } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { endCommands, exitWith, say } from './lib/terminal.mjs'

const stopping = new AbortController()
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => {
    stopping.abort(new Error(signal))
    endCommands()
  })
}

try {
  demandNode()
  const options = readOptions('infra', process.argv.slice(2))
  if (options.build) {
    await installDependencies()
    await buildSources()
  }
  const binaries = await provideDapr()
  stopping.signal.throwIfAborted()
  await serve(options, binaries)
} catch (error) {
  if (!stopping.signal.aborted) exitWith(error)
}
process.exit(0)

/**
 * @param {ReturnType<typeof readOptions>} wishes
 * @param {Awaited<ReturnType<typeof provideDapr>>} binaries
 */
async function serve(wishes, binaries) {
  const { startInfrastructure } = await import('./lib/infrastructure.mjs')
  const { chooseProfile } = await import('./lib/profiles.mjs')
  const { choosePortOffset, readRunFile, writeRunFile } = await import('./lib/run-file.mjs')
  const { clearRunState, self, takeOver, writeRunState } = await import('./lib/run-state.mjs')
  const options = { ...wishes, portOffset: await choosePortOffset(wishes.portOffset) }
  const profile = chooseProfile(options)
  const dataDir = join(options.runDir, '.data')
  mkdirSync(dataDir, { recursive: true })
  await takeOver(dataDir)
  const infrastructure = await startInfrastructure({ profile, dataDir, portOffset: options.portOffset })
  try {
    await announceAndWait()
  } finally {
    await infrastructure.stop()
    clearRunState(dataDir)
  }

  async function announceAndWait() {
    const runFile = writeRunFile({ ...options, profile, dataDir })
    const apps = readRunFile({ file: runFile })
    writeRunState(dataDir, {
      state: 'ready',
      supervisor: self(),
      profile,
      portOffset: options.portOffset,
      urls: {
        gateway: `http://localhost:${apps.find((app) => app.env.GATEWAY_PORT)?.env.GATEWAY_PORT}`,
        sidecars: Object.fromEntries(apps.map((app) => [app.id, `http://127.0.0.1:${app.daprHttpPort}`])),
      },
      servers: Object.fromEntries(
        Object.entries(infrastructure.servers).map(([name, { port, id }]) => [
          name,
          { port, pid: id?.pid ?? process.pid },
        ]),
      ),
      apps: {},
      groups: Object.values(infrastructure.servers).flatMap(({ id }) => id ?? []),
    })
    const environment = writeEnvironment(dataDir, binaries)
    const shown = (/** @type {string} */ path) => relative(process.cwd(), path) || path
    say()
    say('The servers run. In another terminal:')
    say()
    say(`  cd ${options.runDir}`)
    say(`  . ${shown(environment)}          # puts dapr on the PATH, where it is not installed`)
    say(`  dapr run -f ${shown(runFile)}`)
    say()
    say(
      `Then open http://localhost:${apps.find((app) => app.env.GATEWAY_PORT)?.env.GATEWAY_PORT}, or call a service through its sidecar:`,
    )
    say(
      `  curl http://localhost:${apps.find(({ id }) => id === 'messages')?.daprHttpPort}/v1.0/invoke/messages/method/api/conversations -H "authorization: Bearer …"`,
    )
    say('Ctrl-C here stops the servers: stop the services first.')
    stopping.signal.throwIfAborted()
    await new Promise((resolve) => {
      stopping.signal.addEventListener('abort', resolve)
      infrastructure.watch((name) => {
        say(`The server ${name} has ended. See ${join(dataDir, 'logs')}.`)
        resolve(undefined)
      })
    })
  }
}

/**
 * @param {string} dataDir
 * @param {Awaited<ReturnType<typeof provideDapr>>} binaries
 */
function writeEnvironment(dataDir, { dapr, runtimePath }) {
  const link = join(dataDir, 'bin/dapr')
  mkdirSync(dirname(link), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync(dapr, link)
  const path = join(dataDir, 'dapr.env')
  writeFileSync(
    path,
    `# For \`dapr run\` beside \`npm run infra\`.
export PATH="${dirname(link)}:$PATH"
export DAPR_RUNTIME_PATH="${runtimePath}"
# To have sidecars and services demand tokens, as \`npm start\` does, take these from ${relative(root, join(dataDir, 'secrets.json'))}:
# export DAPR_API_TOKEN=… APP_API_TOKEN=…
`,
  )
  return path
}
