// Programs from Debian that servers and tests need. Installed where this may be done; else somebody says what to do.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run, SetupError, step, warn } from './terminal.mjs'

/** Program → package, of which tests have need. */
const programs = {
  nginx: 'nginx-light',
  'redis-server': 'redis-server',
  'rabbitmq-server': 'rabbitmq-server',
  sqlite3: 'sqlite3',
  chromium: 'chromium',
  promtool: 'prometheus',
}

/**
 * @param {string} program
 * @returns {string | undefined} its path
 */
export const findProgram = (program) =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    .map((path) => join(path, program))
    .find((path) => existsSync(path))

/** Those tests whose programs cannot be had say why they are skipped. */
export async function providePrograms() {
  const missing = Object.entries(programs).filter(([program]) => !findProgram(program))
  if (missing.length === 0) return
  if (!mayInstall()) {
    warn(`Not here: ${missing.map(([program]) => program).join(', ')}. The tests that need them are skipped.`)
    return
  }
  if (!(await install(missing.map(([, name]) => name)))) return
  // One that cannot be had keeps none of the others away.
  for (const [, name] of missing) {
    const failure = await install([name])
    if (failure) warn(`apt-get cannot install ${name}: ${failure}`)
  }
}

/**
 * For a server that a profile needs.
 * @param {string} program
 * @param {string} secret where the address of another one would be
 * @param {string} [name] of its package
 */
export async function demandProgram(program, secret, name = program) {
  if (findProgram(program)) return
  const failure = mayInstall() ? await install([name]) : 'only root may install it'
  if (findProgram(program)) return
  throw new SetupError(
    `This profile needs ${program}, which is not here (${failure || 'it is not in the package'}): install it (Debian: \`apt-get install ${name}\`), or put the address of your own server as "${secret}" into .data/secrets.json.`,
  )
}

const mayInstall = () => process.getuid?.() === 0 && findProgram('apt-get') !== undefined

/**
 * @param {readonly string[]} packages
 * @returns {Promise<string | undefined>} what went wrong
 */
async function install(packages) {
  return step(
    `Installing ${packages.join(', ')}`,
    async () => {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
      // Another start may install something at the same time.
      const wait = ['-o', 'DPkg::Lock::Timeout=300']
      await run('apt-get', [...wait, 'update', '-qq'], { env })
      const { code, output } = await run(
        'apt-get',
        [...wait, 'install', '-y', '-qq', '--no-install-recommends', ...packages],
        // A server that a package brings must not run: we start our own.
        { env: { ...env, RUNLEVEL: '1' } },
      )
      return code === 0 ? undefined : output.trim().split('\n').at(-1)
    },
    { estimateSeconds: 60 },
  )
}
