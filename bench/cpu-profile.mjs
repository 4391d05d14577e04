// Loaded into each Node process by `npm run bench -- --cpu-prof <directory>` (Node 20 takes no --cpu-prof from
// NODE_OPTIONS): profiles from the start, and writes when the process ends in order.
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const directory = process.env.PARLEY_CPU_PROFILES
if (directory) {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const name = relative(root, process.argv[1] ?? 'node').replaceAll(/[^\w.]+/g, '-')
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.start')
  process.on('exit', () => {
    // In its own thread the inspector answers at once.
    session.post('Profiler.stop', (error, result) => {
      if (!error)
        writeFileSync(join(directory, `${name}-${process.pid}.cpuprofile`), JSON.stringify(result.profile))
    })
  })
}
