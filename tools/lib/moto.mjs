// A stand-in for AWS SNS and SQS: moto's server, in a Python environment of its own, once per user. For development and
// tests: it keeps everything in memory and lets everybody on this machine in, whatever their key.
import { join } from 'node:path'
import { cached } from './cache.mjs'
import { demandProgram, findProgram } from './packages.mjs'
import { startServerProcess } from './server-process.mjs'
import { run, SetupError, step } from './terminal.mjs'

export const version = '5.2.5'

/** Not its `server` extra, which brings what no other service than these two needs: 317 MB instead of 140. */
const packages = [`moto==${version}`, 'flask==3.1.3', 'flask-cors==6.0.5']
const environment = `moto-${version}`

const withoutAccessLog =
  "import logging; logging.getLogger('werkzeug').setLevel('ERROR'); from moto.server import main; main()"

/** @returns {Promise<string>} its Python */
export async function provideMoto() {
  await demandProgram('python3', 'aws-url', 'python3-venv')
  const directory = await cached(environment, (fresh) =>
    step('Installing moto from PyPI (once per user)', () => install(fresh), { estimateSeconds: 30 }),
  )
  return join(directory, 'bin/python')
}

/** @param {string} directory */
async function install(directory) {
  const call = async (
    /** @type {string} */ what,
    /** @type {string} */ command,
    /** @type {string[]} */ args,
  ) => {
    const { code, output } = await run(command, args)
    if (code === 0) return
    throw new SetupError(
      `${what}:\n  ${output.trim().split('\n').slice(-3).join('\n  ')}\nMend that, or put your own account as "aws-url" into .data/secrets.json.`,
    )
  }
  await call(
    'Python cannot make an environment (Debian: `apt-get install python3-venv`)',
    findProgram('python3') ?? 'python3',
    ['-m', 'venv', directory],
  )
  await call('moto cannot be installed from PyPI', join(directory, 'bin/python'), [
    ...['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check'],
    ...packages,
  ])
}

/**
 * @param {{ dataDir: string, port: number }} options
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startMoto({ dataDir, port }) {
  const server = await startServerProcess({
    name: 'moto',
    command: await provideMoto(),
    args: ['-c', withoutAccessLog, '--host', '127.0.0.1', '--port', String(port)],
    logFile: join(dataDir, 'logs/aws.log'),
    isReady: () =>
      fetch(`http://127.0.0.1:${port}/moto-api/`, { signal: AbortSignal.timeout(2_000) }).then(
        ({ ok }) => ok,
        () => false,
      ),
    stopSignal: 'SIGTERM',
  })
  await askMoto(port, 'sns', { Action: 'CreateTopic', Name: 'parley-push' })
  return server
}

/**
 * The query API. moto takes the service from the signature, which may be any.
 * @param {number} port
 * @param {'sns' | 'sqs'} service
 * @param {Readonly<Record<string, string>>} call
 * @returns {Promise<string>} XML
 */
export async function askMoto(port, service, call) {
  const scope = `moto/20260101/us-east-1/${service}/aws4_request`
  const answer = await fetch(`http://127.0.0.1:${port}/`, {
    method: 'POST',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
    body: new URLSearchParams(call),
  })
  const text = await answer.text()
  if (!answer.ok) throw new SetupError(`moto answers ${call.Action} with ${answer.status}: ${text}`)
  return text
}
