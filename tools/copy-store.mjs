// npm run copy-store: moves the documents of a service from one store to another while Parley is stopped.
import { mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { provideDapr } from './dapr.mjs'
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { bold, dim, exitWith, SetupError, say, step } from './lib/terminal.mjs'

const usage = `npm run copy-store -- --service <name> --from <store> --to <store> [options]
  --service <name>      auth, messages, presence or notifications
  --from, --to <store>  a folder of components/stores, or the address of a database that the service speaks to itself:
                        postgres://… or mongodb://… (its table or collection <service>_documents)
  --overwrite           replaces and removes what the target has otherwise; without it such a target is left alone
  --data <directory>    where .data/ is (the default: the root of the repository)
  --port-offset <n>     as for \`npm start\`
  --no-build            uses what is installed and compiled already`

const stopping = new AbortController()
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']))
  process.on(signal, () => stopping.abort(new SetupError('Stopped. Run the same again to go on.')))

try {
  const options = readOptions()
  demandNode()
  if (options.build) {
    await installDependencies()
    await buildSources()
  }
  const { documents, copied, checksum } = await copy(options, (await provideDapr()).daprd)
  say()
  say(
    bold(`${documents} documents, ${copied} of them copied now; both stores have the checksum ${checksum}.`),
  )
  say(
    options.to.includes('://')
      ? `Put the address of the target as "${options.service}-store-url" into the secrets, then start.`
      : `Now start with it: npm start -- --stores ${options.to} (all services use that set, so copy each of them).`,
  )
  say(dim('The source is as it was: remove it when you no longer need it.'))
} catch (error) {
  exitWith(error)
}
process.exit(0)

function readOptions() {
  const text = /** @type {const} */ ({ type: 'string' })
  const flag = /** @type {const} */ ({ type: 'boolean' })
  const { values } = readArguments(usage, {
    service: text,
    from: text,
    to: text,
    overwrite: flag,
    data: text,
    'port-offset': text,
    'no-build': flag,
  })
  const { service, from, to } = values
  if (!service || !from || !to || from === to) throw new SetupError(`These are the options:\n${usage}`)
  const offset = values['port-offset'] ?? '0'
  if (offset !== 'auto' && !/^\d+$/.test(offset))
    throw new SetupError('--port-offset takes a whole number or `auto`.')
  return {
    service,
    from,
    to,
    overwrite: values.overwrite === true,
    runDir: resolve(values.data ?? root),
    portOffset: offset === 'auto' ? /** @type {const} */ ('auto') : Number(offset),
    build: values['no-build'] !== true,
  }
}

/**
 * @param {ReturnType<typeof readOptions>} options
 * @param {string} daprd
 */
async function copy({ service: wish, from, to, overwrite, runDir, portOffset: offset }, daprd) {
  const { startServers } = await import('./lib/infrastructure.mjs')
  const { choosePortOffset } = await import('./lib/run-file.mjs')
  const { clearRunState, holdDirectory } = await import('./lib/run-state.mjs')
  const { copyStore } = await import('./copy-store/copy.mjs')
  const { familiesOf, serviceOf } = await import('./copy-store/families.mjs')
  const { placeOf, resourceOf } = await import('./copy-store/places.mjs')
  const service = serviceOf(wish)
  const all = [from, to].flatMap((place) => resourceOf(place, service) ?? [])
  const dataDir = join(runDir, '.data')
  mkdirSync(dataDir, { recursive: true })
  const portOffset = await choosePortOffset(offset)
  const hold = await holdDirectory(dataDir, portOffset)
  try {
    const servers = await startServers({ all, dataDir, portOffset })
    hold(Object.values(servers.servers).flatMap(({ id }) => id ?? []))
    try {
      const context = { service, secrets: servers.secrets, runDir, daprd }
      const places = { from: placeOf(from, context), to: placeOf(to, context) }
      say(`From ${places.from.what}`)
      say(`To   ${places.to.what}`)
      const families = await familiesOf(service)
      const onProgress = progress()
      const { signal } = stopping
      return await step(`Copying ${service}`, () =>
        copyStore({ ...places, families, overwrite, onProgress, signal }),
      )
    } finally {
      await servers.stop()
    }
  } finally {
    clearRunState(dataDir)
  }
}

/** At most a line every two seconds. */
function progress() {
  let said = Date.now()
  return (/** @type {number} */ done, /** @type {number} */ total) => {
    if (Date.now() - said < 2_000) return
    said = Date.now()
    say(dim(`  ${done} of ${total} documents (${Math.floor((100 * done) / total)} %)`))
  }
}
