// npm run kind: Parley on a Kubernetes of its own, in Docker. Each step finds what an earlier run has done.
import { join, resolve } from 'node:path'
import { json, readChoices } from './lib/deployment-secrets.mjs'
import { overlay } from './lib/kubernetes/names.mjs'
import { daprVersion, provideProgram } from './lib/kubernetes/programs.mjs'
import { secretManifests } from './lib/kubernetes/secrets.mjs'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { dim, exitWith, run, SetupError, say, step } from './lib/terminal.mjs'

const usage = `npm run kind [-- --down]
  --down                deletes the cluster and all that is in it
  --data <directory>    where .data/ is, which keeps the passwords (the default: the root of the repository)

Makes a cluster with kind, builds and loads the images, installs Dapr by Helm, applies k8s/overlays/kind and waits until all
is ready. Needs Docker; kind, kubectl and helm are built where they are missing and Go is there.`

const name = 'parley'
/** Target of the Dockerfile → image. */
const images = { service: 'parley/service:0.1.0', gateway: 'parley/gateway:0.1.0' }

try {
  const { down, data } = readArguments(usage, { down: { type: 'boolean' }, data: { type: 'string' } }).values
  const directory = join(resolve(data ?? root), '.data/kubernetes')
  await demandDocker()
  await (down ? takeDown : bringUp)(directory, join(directory, 'kubeconfig'))
} catch (error) {
  exitWith(error)
}

async function demandDocker() {
  const answer = await run('docker', ['version', '--format', '{{.Server.Version}}']).catch(() => undefined)
  if (answer?.code === 0) return
  throw new SetupError(
    answer === undefined
      ? 'npm run kind needs Docker, and there is no `docker` here: install it (https://docs.docker.com/engine/install/). Without it, npm start runs Parley on this machine, and npm run test:kubernetes tries the manifests.'
      : `npm run kind needs Docker, and it does not answer: start the Docker engine, or look whether you may use it. It says: ${answer.output.trim().split('\n').at(-1)}`,
  )
}

/**
 * @param {string} _
 * @param {string} kubeconfig
 */
async function takeDown(_, kubeconfig) {
  const kind = await provideProgram('kind')
  await doing('Deleting the cluster', kind, ['delete', 'cluster', '--name', name, '--kubeconfig', kubeconfig])
}

/**
 * @param {string} directory
 * @param {string} kubeconfig
 */
async function bringUp(directory, kubeconfig) {
  const [kind, kubectl, helm] = [
    await provideProgram('kind'),
    await provideProgram('kubectl'),
    await provideProgram('helm'),
  ]
  const ask = ['--kubeconfig', kubeconfig]
  const choices = readChoices(directory)
  const isNew = await makeCluster(kind, kubeconfig)
  for (const [target, image] of Object.entries(images))
    await doing(`Building ${image}`, 'docker', ['build', '--target', target, '--tag', image, root], 300)
  await doing('Loading the images', kind, ['load', 'docker-image', '--name', name, ...Object.values(images)])
  await doing(`Installing Dapr ${daprVersion}`, helm, [
    ...['upgrade', '--install', 'dapr', 'dapr', '--repo', 'https://dapr.github.io/helm-charts'],
    ...['--version', daprVersion, '--namespace', 'dapr-system', '--create-namespace'],
    ...['--values', join(root, 'k8s/dapr-values.yaml'), '--wait', '--timeout', '10m', ...ask],
  ])
  await doing('Applying the namespace', kubectl, [
    ...ask,
    'apply',
    '-f',
    join(root, 'k8s/base/namespace.yaml'),
  ])
  const secrets = json({ apiVersion: 'v1', kind: 'List', items: secretManifests(choices) })
  await doing('Applying the secrets', kubectl, [...ask, 'apply', '-f', '-'], undefined, secrets)
  await doing('Applying k8s/overlays/kind', kubectl, [...ask, 'apply', '-k', join(root, overlay('kind'))])
  const ours = ['-n', 'parley', '-l', 'app.kubernetes.io/part-of=parley']
  // The tag is the same: without it, pods would keep the images and tokens that they have.
  if (!isNew)
    await doing('Starting the pods anew', kubectl, [...ask, 'rollout', 'restart', 'deployment', ...ours])
  for (const kinds of ['statefulset', 'deployment'])
    await doing(
      `Waiting for every ${kinds}`,
      kubectl,
      [...ask, 'rollout', 'status', kinds, ...ours, '--timeout=10m'],
      180,
    )
  say('\nParley is at http://localhost:8080')
  say(dim(`kubectl --kubeconfig ${kubeconfig} -n parley get pods; npm run kind -- --down deletes it all.`))
}

/**
 * @param {string} kind
 * @param {string} kubeconfig
 * @returns {Promise<boolean>} whether it is new
 */
async function makeCluster(kind, kubeconfig) {
  const { output } = await run(kind, ['get', 'clusters'])
  const known = output.split('\n').includes(name)
  const config = join(root, overlay('kind'), 'cluster.yaml')
  if (!known)
    await doing(
      'Making the cluster',
      kind,
      ['create', 'cluster', '--config', config, '--wait', '5m', '--kubeconfig', kubeconfig],
      90,
    )
  else
    await doing('Finding the cluster', kind, [
      'export',
      'kubeconfig',
      '--name',
      name,
      '--kubeconfig',
      kubeconfig,
    ])
  return !known
}

/**
 * @param {string} what
 * @param {string} command
 * @param {readonly string[]} args
 * @param {number} [estimateSeconds]
 * @param {string} [input]
 */
async function doing(what, command, args, estimateSeconds, input) {
  await step(
    what,
    async () => {
      const { code, output } = await run(command, args, input === undefined ? {} : { input })
      if (code !== 0)
        throw new SetupError(`${what} failed:\n${output.trim().split('\n').slice(-15).join('\n')}`)
    },
    estimateSeconds === undefined ? {} : { estimateSeconds },
  )
}
