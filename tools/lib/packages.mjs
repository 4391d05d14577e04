// Programs from Debian that some tests need. Installed where this may be done; else those tests say why they are skipped.
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { run, step, warn } from './terminal.mjs'

/** Program → package. */
const programs = {
  nginx: 'nginx-light',
  'redis-server': 'redis-server',
  sqlite3: 'sqlite3',
  chromium: 'chromium',
}

const isThere = (/** @type {string} */ program) =>
  [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'].some((path) => existsSync(join(path, program)))

export async function providePrograms() {
  const missing = Object.entries(programs).filter(([program]) => !isThere(program))
  if (missing.length === 0) return
  const packages = missing.map(([, name]) => name)
  if (process.getuid?.() !== 0 || !isThere('apt-get')) {
    warn(`Not here: ${missing.map(([program]) => program).join(', ')}. The tests that need them are skipped.`)
    return
  }
  await step(
    `Installing ${packages.join(', ')}`,
    async () => {
      const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
      // A server that a package brings must not run: the tests start their own.
      await run('apt-get', ['update', '-qq'], { env })
      const { code, output } = await run(
        'apt-get',
        ['install', '-y', '-qq', '--no-install-recommends', ...packages],
        {
          env: { ...env, RUNLEVEL: '1' },
        },
      )
      if (code !== 0) warn(`apt-get cannot install them: ${output.trim().split('\n').at(-1)}`)
    },
    { estimateSeconds: 60 },
  )
}
