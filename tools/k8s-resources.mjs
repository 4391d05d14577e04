// npm run k8s:resources: k8s/base/dapr, from the contracts and the components of a profile. A test fails while it is stale.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { buildSources, demandNode, installDependencies } from './lib/prepare.mjs'
import { root } from './lib/root.mjs'
import { exitWith, say } from './lib/terminal.mjs'

const usage = `npm run k8s:resources [-- --broker b --stores s]
  --broker    a folder of components/brokers (default: rabbitmq)
  --stores    a folder of components/stores (default: reference)`

try {
  const { values } = readArguments(usage, { broker: { type: 'string' }, stores: { type: 'string' } })
  demandNode()
  await installDependencies()
  await buildSources()
  const { daprResources } = await import('./lib/kubernetes/dapr-resources.mjs')
  const { chooseProfile } = await import('./lib/profiles.mjs')
  const files = await daprResources(chooseProfile({ profile: 'reference', ...values }))
  const directory = join(root, 'k8s/base/dapr')
  rmSync(directory, { recursive: true, force: true })
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text)
  say(`k8s/base/dapr: ${Object.keys(files).join(', ')}`)
} catch (error) {
  exitWith(error)
}
