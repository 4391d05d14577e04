// Dapr's own Helm chart, from its Go module.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { cacheDir, cached } from '../cache.mjs'
import { root } from '../root.mjs'
import { run, SetupError } from '../terminal.mjs'
import { daprVersion } from './programs.mjs'

const name = `dapr-chart-${daprVersion}`
export const hasDaprChart = () => existsSync(join(cacheDir, name))

/** @returns {Promise<string>} its directory */
export const provideDaprChart = () =>
  cached(name, async (directory) => {
    const module = ['mod', 'download', '-json', `github.com/dapr/dapr@v${daprVersion}`]
    const { code, output } = await run('go', module, { cwd: join(root, 'tools/kubernetes/dapr') })
    if (code !== 0) throw new SetupError(`Dapr's chart cannot be had: ${output.trim().split('\n').at(-1)}`)
    cpSync(join(JSON.parse(output).Dir, 'charts/dapr'), directory, { recursive: true })
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
