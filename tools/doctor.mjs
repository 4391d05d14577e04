// npm run doctor: looks at the component folders before a start, for what Dapr would only say in a log, or not at all.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { bold, complain, dim, exitWith, SetupError, say, warn } from './lib/terminal.mjs'

const usage = `npm run doctor [-- options]    looks at the component folders that dapr.yaml names
  --profile <name>      at those of a profile: embedded, redis, reference
  --broker <name>       at a folder of components/brokers
  --stores <name>       at a folder of components/stores
  --all                 at every broker with every set of stores
  --run-file <path>     another dapr.yaml`

try {
  const options = readOptions()
  demandNode()
  await installDependencies()
  await buildSources()
  process.exitCode = await examine(options)
} catch (error) {
  exitWith(error)
}

function readOptions() {
  const text = /** @type {const} */ ({ type: 'string' })
  const { values } = readArguments(usage, {
    profile: text,
    broker: text,
    stores: text,
    all: { type: 'boolean' },
    'run-file': text,
  })
  const { all = false, 'run-file': runFile, ...wish } = values
  const isProfile = Boolean(wish.profile ?? wish.broker ?? wish.stores)
  if ([all, runFile !== undefined, isProfile].filter(Boolean).length > 1) {
    throw new SetupError(`Choose one: --all, --run-file, or a profile.\n${usage}`)
  }
  return { all, runFile: resolve(runFile ?? join(root, 'dapr.yaml')), wish, isProfile }
}

/**
 * @param {ReturnType<typeof readOptions>} options
 * @returns {Promise<0 | 1>}
 */
async function examine({ all, runFile, wish, isProfile }) {
  // The contracts are compiled and the dependencies there by now, not before.
  const { allSets, profileSets, runFileSets } = await import('./lib/doctor/sets.mjs')
  const { diagnose, unique } = await import('./lib/doctor/diagnose.mjs')
  const { questions } = await import('./lib/doctor/questions.mjs')
  const { contracts } = await import('./lib/doctor/contracts.mjs')
  const systems = all ? allSets() : [isProfile ? profileSets(wish) : runFileSets(runFile)]
  const context = { contracts, secrets: readSecrets() }
  const found = unique(systems.flatMap((sets) => diagnose(sets, context)))
  report(found)
  const resources = systems.flat().flatMap((set) => set.resources)
  const errors = found.filter(({ severity }) => severity === 'error').length
  const files = new Set(resources.map(({ file }) => file)).size
  if (found.length === 0) say(bold(`All is well in ${files} component files.`))
  else
    say(
      bold(
        `${files} component files: ${count(errors, 'error')}, ${count(found.length - errors, 'warning')}.`,
      ),
    )
  const open = questions(resources)
  if (open.length > 0) say(dim(`Only the servers can tell: ${open.join(' · ')}.`))
  return errors > 0 ? 1 : 0
}

/** @param {readonly import('./lib/doctor/finding.mjs').Finding[]} found */
function report(found) {
  for (const { file, line, severity, what, change } of found) {
    const tell = severity === 'error' ? complain : warn
    tell(`${bold(line === undefined ? file : `${file}:${line}`)}: ${what}.\n  → ${change}.`)
  }
}

/** @param {number} many @param {string} what */
function count(many, what) {
  return `${many} ${what}${many === 1 ? '' : 's'}`
}

/** For what only an address shows. They are never printed. @returns {Record<string, string>} */
function readSecrets() {
  const path = join(root, '.data/secrets.json')
  if (!existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw new SetupError(`${path} is not JSON: mend it.`)
  }
}
