// Dapr's own Helm chart and KEDA's definitions, from their Go modules.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { cacheDir, cached } from '../cache.mjs'
import { root } from '../root.mjs'
import { run, SetupError } from '../terminal.mjs'
import { daprVersion } from './programs.mjs'

const chart = {
  name: 'dapr-chart',
  module: 'github.com/dapr/dapr',
  version: daprVersion,
  path: 'charts/dapr',
}
/** Of KEDA, only the definitions of its kinds. */
const keda = {
  name: 'keda-crds',
  module: 'github.com/kedacore/keda/v2',
  version: '2.16.1',
  path: 'config/crd/bases',
}
const inCache = ({ name, version } = chart) => `${name}-${version}`
export const hasCharts = () => [chart, keda].every((one) => existsSync(join(cacheDir, inCache(one))))
export const provideDaprChart = () => provide(chart)
export const provideKedaDefinitions = () => provide(keda)

/**
 * Files of a Go module, which is fetched with its checksum verified.
 * @param {typeof chart} files
 * @returns {Promise<string>} their directory
 */
const provide = (files) =>
  cached(inCache(files), async (directory) => {
    const { module, version, path } = files
    const { code, output } = await run('go', ['mod', 'download', '-json', `${module}@v${version}`], {
      cwd: join(root, 'tools/kubernetes/dapr'),
    })
    if (code !== 0) throw new SetupError(`${module} cannot be had: ${output.trim().split('\n').at(-1)}`)
    // Progress comes before the answer.
    cpSync(join(JSON.parse(output.slice(output.indexOf('{'))).Dir, path), directory, { recursive: true })
    // The module cache is for reading only.
    await run('chmod', ['-R', 'u+w', directory])
  })

/**
 * @param {string} helm
 * @returns {Promise<any[]>} its manifests with Parley's values
 */
export async function renderDaprChart(helm) {
  const values = join(root, 'k8s/dapr-values.yaml')
  const args = [
    'template',
    'dapr',
    await provideDaprChart(),
    '-n',
    'dapr-system',
    '--include-crds',
    '-f',
    values,
  ]
  const { status, stdout, stderr } = spawnSync(helm, args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (status !== 0) throw new SetupError(`helm template failed:\n${stderr.trim()}`)
  return parseAllDocuments(stdout)
    .map((document) => document.toJS())
    .filter((manifest) => manifest !== null)
}
