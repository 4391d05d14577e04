// npm run test:kubernetes: builds what a Kubernetes without containers needs, once per user, and runs the tests on it.
import { join } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { exitWith, run } from './lib/terminal.mjs'

const usage = `npm run test:kubernetes [-- --verbose]
  --verbose    shows each test

The first time it builds etcd, kube-apiserver, kube-controller-manager, Dapr's control plane and Helm from their Go modules:
about 10 minutes on two cores. From then on \`npm test\` runs these tests, too.`

try {
  const { verbose } = readArguments(usage, { verbose: { type: 'boolean' } }).values
  demandNode()
  await installDependencies()
  const { provideForTests } = await import('./lib/kubernetes/provide.mjs')
  await provideForTests()
  const args = [join(root, 'tools/test.mjs'), 'tools/test/kubernetes', ...(verbose ? ['--verbose'] : [])]
  const { code } = await run(process.execPath, args, { show: true })
  process.exit(code ?? 1)
} catch (error) {
  exitWith(error)
}
