// npm test: sets up all that the tests need, then runs them. `npm test -- <part of a path>…` narrows to some files;
// `--verbose` shows each test. The last line is the verdict.
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { run as runTests } from 'node:test'
import { spec } from 'node:test/reporters'
import { inspect } from 'node:util'
import { provideDapr } from './dapr.mjs'
import { provideFerretdb } from './lib/ferretdb.mjs'
import { readArguments } from './lib/options.mjs'
import { providePrograms } from './lib/packages.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { complain, dim, exitWith, run, SetupError, say, step, warn } from './lib/terminal.mjs'

const usage = `npm test [-- part/of/a/path …] [-- --long] [-- --verbose]
  part/of/a/path    only the test files that have one of these in their path
  --long            also what takes long: replicas of an app on every broker; and builds what the tests on
                    Kubernetes need (10 minutes, once per user)
  --verbose         shows each test`

const { verbose, long, filters } = readOptions()
if (long) process.env.PARLEY_LONG_TESTS = '1'

/** What a file needs decides when it runs: alone it has the ports, the processor and the clock to itself. */
const phases = [
  { name: 'Unit and contract tests', concurrency: Math.max(2, availableParallelism()), takes: () => true },
  {
    name: 'System tests',
    concurrency: 1,
    takes: (/** @type {string} */ path) => /^tests\/dist\/(system|gateway|stores)\//.test(path),
  },
  {
    name: 'Tests over real sidecars',
    concurrency: 1,
    takes: (/** @type {string} */ path) =>
      /^tests\/dist\/(brokers|conformance|dapr|web|browser)\/|^tools\/test\/(start|infra|profiles|copy-store|kubernetes-cluster)\./.test(
        path,
      ),
  },
]

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
const total = { passed: 0, failed: 0, skipped: 0 }

try {
  demandNode()
  await installDependencies()
  await buildSources()
  await provideDapr()
  await providePrograms()
  await provideFerretdb().catch((error) => {
    if (!(error instanceof SetupError)) throw error
    warn(`There is no FerretDB: ${error.message} The tests that need it are skipped.`)
  })
  if (long && filters.length === 0) {
    const { provideForTests } = await import('./lib/kubernetes/provide.mjs')
    await provideForTests().catch((error) => {
      if (!(error instanceof SetupError)) throw error
      warn(`No tests on Kubernetes: ${error.message}`)
    })
  }
  const files = collect()
  if (files.length === 0)
    throw new SetupError(`No test file has ${filters.map((text) => `"${text}"`).join(' or ')} in its path.`)
  if (filters.length === 0) await check()
  for (const [index, phase] of phases.entries()) {
    const own = files.filter((path) => phases.findLastIndex(({ takes }) => takes(path)) === index)
    if (own.length > 0) await runPhase(phase, own)
  }
} catch (error) {
  exitWith(error)
}
say()
say(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`)
process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0)

function readOptions() {
  try {
    const { values, positionals } = readArguments(
      usage,
      { verbose: { type: 'boolean', default: false }, long: { type: 'boolean', default: false } },
      { positionals: true },
    )
    return { verbose: values.verbose, long: values.long, filters: positionals }
  } catch (error) {
    exitWith(error)
  }
}

/** Format, lint, import arrows and the types of the tools count as one test. */
async function check() {
  const { code, output } = await step('Checks', () => run(process.execPath, [join(root, 'tools/check.mjs')]))
  if (code === 0) total.passed++
  else {
    total.failed++
    complain(output)
  }
}

/** @returns {string[]} paths from the root */
function collect() {
  const compiled = ['packages', 'services', 'tests', 'web']
    .flatMap(below)
    // In web, dist is what Vite makes; TypeScript compiles to build.
    .filter((path) => /\/(dist|build)\/.*\.test\.js$/.test(path))
    // What a deleted source left behind is no test.
    .filter((path) =>
      ['.ts', '.tsx'].some((end) =>
        existsSync(join(root, path.replace(/\/(dist|build)\//, '/src/').replace(/\.js$/, end))),
      ),
    )
  const tools = below('tools').filter((path) => /^tools\/test\/.*\.test\.mjs$/.test(path))
  return [...compiled, ...tools]
    .filter((path) => filters.length === 0 || filters.some((text) => path.includes(text)))
    .sort()
}

/**
 * @param {string} directory
 * @returns {string[]}
 */
function below(directory) {
  if (!existsSync(join(root, directory))) return []
  return readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
    const path = `${directory}/${entry.name}`
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : below(path)
    return [path]
  })
}

/**
 * @param {{ name: string, concurrency: number }} phase
 * @param {readonly string[]} files
 */
async function runPhase({ name, concurrency }, files) {
  /** @type {Counts} */
  const counts = { passed: 0, failed: 0, skipped: 0 }
  await step(`${name} (${files.length} files)`, async () => {
    const stream = runTests({ files: files.map((path) => join(root, path)), concurrency, timeout: 900_000 })
    if (verbose) stream.compose(new spec()).pipe(process.stdout)
    /** @type {Map<string, string>} */
    const printed = new Map()
    stream.on('test:stdout', ({ file, message }) => keep(printed, file, message))
    stream.on('test:stderr', ({ file, message }) => keep(printed, file, message))
    stream.on('test:pass', (event) => {
      // A suite that is skipped says nothing of its tests: then it is what was skipped.
      if (event.details.type === 'suite' && event.skip === undefined) return
      if (event.skip === undefined) counts.passed++
      else {
        counts.skipped++
        say(
          dim(
            `  skipped: ${event.name}${typeof event.skip === 'string' && event.skip ? ` (${event.skip})` : ''}`,
          ),
        )
      }
    })
    stream.on('test:fail', (event) => {
      if (event.todo !== undefined) return
      // A suite fails because of its tests, which say so themselves; unless its hook failed.
      const { error, type } = event.details
      if (type === 'suite' && /** @type {any} */ (error).failureType === 'subtestsFailed') return
      counts.failed++
      if (!verbose) report(event, printed)
    })
    await new Promise((resolve, reject) => {
      stream.on('end', resolve)
      stream.on('error', reject)
      stream.resume()
    })
  })
  for (const key of /** @type {(keyof Counts)[]} */ (Object.keys(counts))) total[key] += counts[key]
  say(dim(`  ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`))
}

/**
 * @param {Map<string, string>} printed
 * @param {string | undefined} file
 * @param {string} message
 */
function keep(printed, file = '', message) {
  printed.set(file, ((printed.get(file) ?? '') + message).slice(-8_000))
}

/**
 * @param {any} event
 * @param {Map<string, string>} printed
 */
function report({ name, file = '', line, details: { error } }, printed) {
  complain(`${name}  ${dim(`${relative(root, file)}:${line}`)}`)
  const cause = error.cause ?? error
  say(indent(cause?.stack && !cause.expected ? String(cause.stack) : inspect(cause, { depth: 4 })))
  const said = printed.get(file)
  if (said) say(dim(indent(`It printed:\n${said.trim()}`)))
  printed.delete(file)
}

/** @param {string} text */
function indent(text) {
  return text.replace(/^/gm, '    ')
}
