import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What `npm run <name> -- <args>` runs. Rejects where it fails. */
export const tool = (name: string, ...args: readonly string[]) =>
  run(process.execPath, [fileURLToPath(new URL(`../../../tools/${name}.mjs`, import.meta.url)), ...args])
