// npm run test:kubernetes: builds what a Kubernetes without containers needs, once per user, and runs the tests on it.
import { join } from 'node:path'
import { provideDaprChart } from './lib/kubernetes/dapr-chart.mjs'
import { noPodSpace } from './lib/kubernetes/pod-space.mjs'
import { provideProgram } from './lib/kubernetes/programs.mjs'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { exitWith, run, SetupError } from './lib/terminal.mjs'

const usage = `npm run test:kubernetes [-- --verbose]
  --verbose    shows each test

The first time it builds etcd, kube-apiserver, kube-controller-manager, Dapr's control plane and Helm from their Go modules:
about 10 minutes on two cores. From then on \`npm test\` runs these tests, too.`

try {
  const { verbose } = readArguments(usage, { verbose: { type: 'boolean' } }).values
  const missing = noPodSpace()
  if (missing) throw new SetupError(`The tests on Kubernetes cannot run here: ${missing}.`)
  for (const name of /** @type {const} */ (['kubectl', 'helm', 'dapr-control-plane', 'cluster']))
    await provideProgram(name)
  await provideDaprChart()
  const args = [join(root, 'tools/test.mjs'), 'tools/test/kubernetes', ...(verbose ? ['--verbose'] : [])]
  const { code } = await run(process.execPath, args, { show: true })
  process.exit(code ?? 1)
} catch (error) {
  exitWith(error)
}
