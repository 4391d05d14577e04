// A daprd with one store: it lays documents out as it will when the service runs.
import { spawn } from 'node:child_process'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { explainFailure } from '../lib/log-file.mjs'
import { root } from '../lib/root.mjs'
import { SetupError } from '../lib/terminal.mjs'

/**
 * @param {{ daprd: string, service: string, path: string, runDir: string }} options `path`: the component's file
 * @returns {Promise<{ httpPort: number, stop: () => Promise<void> }>}
 */
export async function startSidecar({ daprd, service, path, runDir }) {
  const directory = mkdtempSync(join(tmpdir(), 'parley-copy-'))
  copyFileSync(path, join(directory, 'store.yaml'))
  copyFileSync(join(root, 'components/common/secrets.yaml'), join(directory, 'secrets.yaml'))
  const [httpPort, grpcPort, internalPort] = await freePorts(3)
  const flags = {
    'app-id': service,
    'dapr-http-port': httpPort,
    'dapr-grpc-port': grpcPort,
    'dapr-internal-grpc-port': internalPort,
    'dapr-listen-addresses': '127.0.0.1',
    'resources-path': directory,
    'placement-host-address': '',
    'scheduler-host-address': '',
    'enable-metrics': false,
    'log-level': 'warn',
  }
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`)
  const { DAPR_API_TOKEN: _api, APP_API_TOKEN: _app, ...env } = process.env
  // In a group of its own: Ctrl-C is for us, who end it.
  const child = spawn(daprd, args, { cwd: runDir, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      log = (log + chunk).slice(-64 * 1024)
    })
  }
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const stop = async () => {
    child.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true, force: true })
  }
  const deadline = Date.now() + 30_000
  while (!(await isReady(/** @type {number} */ (httpPort)))) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop()
      throw new SetupError(`${service}-store cannot be opened: ${explainFailure(log)}`)
    }
    await sleep(50)
  }
  return { httpPort: /** @type {number} */ (httpPort), stop }
}

const isReady = (/** @type {number} */ port) =>
  fetch(`http://127.0.0.1:${port}/v1.0/healthz/outbound`, { signal: AbortSignal.timeout(1_000) }).then(
    ({ ok }) => ok,
    () => false,
  )

/** Held until all are known, so that they differ. */
async function freePorts(/** @type {number} */ count) {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
      return server
    }),
  )
  return servers.map((server) => {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
    server.close()
    return port
  })
}
