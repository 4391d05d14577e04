// node tools/lib/doctor/write-fields.mjs: writes fields.json from the sources of the Dapr that tools/dapr/daprd pins, as they
// are in Go's module cache. To be run when that Dapr changes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { root } from '../root.mjs'
import { exitWith, run, SetupError, say } from '../terminal.mjs'
import { readFields } from './read-fields.mjs'

const fieldsFile = join(root, 'tools/lib/doctor/fields.json')

/** The directories of the modules, or undefined where they were never downloaded. */
export async function findModules() {
  const names = { dapr: 'github.com/dapr/dapr', contrib: 'github.com/dapr/components-contrib' }
  const { code, output } = await run(
    'go',
    ['list', '-m', '-f', '{{.Path}} {{.Version}} {{.Dir}}', ...Object.values(names)],
    {
      cwd: join(root, 'tools/dapr/daprd'),
      env: { ...process.env, GOFLAGS: '-mod=readonly', GOPROXY: 'off' },
    },
  ).catch(() => ({ code: 1, output: '' }))
  const found = new Map(
    output.split('\n').map((line) => {
      const [path = '', version = '', directory = ''] = line.trim().split(' ')
      return [path, { version, directory }]
    }),
  )
  const [own, contrib] = [found.get(names.dapr), found.get(names.contrib)]
  if (code !== 0 || !own?.directory || !contrib?.directory) return undefined
  const versions = { [names.dapr]: own.version, [names.contrib]: contrib.version }
  return { dapr: own.directory, contrib: contrib.directory, versions }
}

/** JSON with a line for each document and component, so that a change of Dapr's can be read. @param {Record<string, any>} parts */
function linesOf(parts) {
  const lines = Object.entries(parts).map(([name, part]) => {
    const [open, close] = Array.isArray(part) ? ['[', ']'] : ['{', '}']
    const entries = Object.entries(part).map(([key, value]) =>
      Array.isArray(part) ? JSON.stringify(value) : `${JSON.stringify(key)}: ${JSON.stringify(value)}`,
    )
    return `  ${JSON.stringify(name)}: ${open}\n    ${entries.join(',\n    ')}\n  ${close}`
  })
  return `{\n${lines.join(',\n')}\n}\n`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    const modules = await findModules()
    if (!modules) {
      throw new SetupError(
        "Dapr's sources are not in Go's module cache: run `go mod download` in tools/dapr/daprd, then this again.",
      )
    }
    writeFileSync(fieldsFile, linesOf(readFields(modules)))
    say(`tools/lib/doctor/fields.json, from ${JSON.stringify(modules.versions)}`)
  } catch (error) {
    exitWith(error)
  }
}
