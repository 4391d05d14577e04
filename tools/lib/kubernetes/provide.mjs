// What the tests on Kubernetes need, built or fetched once per user.
import { SetupError } from '../terminal.mjs'
import { provideDaprChart, provideKedaDefinitions } from './dapr-chart.mjs'
import { noPodSpace } from './pod-space.mjs'
import { provideProgram } from './programs.mjs'

export async function provideForTests() {
  const missing = noPodSpace()
  if (missing) throw new SetupError(`The tests on Kubernetes cannot run here: ${missing}.`)
  for (const name of /** @type {const} */ (['kubectl', 'helm', 'dapr-control-plane', 'cluster']))
    await provideProgram(name)
  await provideDaprChart()
  await provideKedaDefinitions()
}
