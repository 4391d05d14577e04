// A private Kafka, one node in KRaft mode, for profiles that name no servers of their own. Its jars come from Maven
// Central, once per user.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { basename, join } from 'node:path'
import { cached } from './cache.mjs'
import { demandProgram } from './packages.mjs'
import { startServerProcess } from './server-process.mjs'
import { run, SetupError, step } from './terminal.mjs'

export const version = '3.9.1'
const mavenCentral = 'https://repo1.maven.org/maven2'
const parallelDownloads = 8

/** Every jar of Kafka and what it needs, with its checksum: what was resolved once is what everybody gets. */
const readJars = async () =>
  /** @type {[path: string, sha256: string][]} */ (
    Object.entries(JSON.parse(await readFile(new URL('kafka-jars.json', import.meta.url), 'utf8')))
  )

export async function provideKafka() {
  await demandProgram('java', 'kafka-url', 'default-jre-headless')
  await cached(`kafka-${version}`, (directory) =>
    step(
      `Downloading Kafka ${version} from Maven Central (once per user, 46 MB)`,
      async () => {
        const waiting = await readJars()
        const workers = Array.from({ length: parallelDownloads }, async () => {
          for (let jar = waiting.shift(); jar; jar = waiting.shift())
            await download(jar[0], jar[1], directory)
        })
        await Promise.all(workers)
      },
      { estimateSeconds: 15 },
    ),
  )
}

/**
 * @param {string} path
 * @param {string} sha256
 * @param {string} directory
 */
async function download(path, sha256, directory) {
  const url = `${mavenCentral}/${path}`
  const body = await fetch(url, { signal: AbortSignal.timeout(120_000) })
    .then((answer) => (answer.ok ? answer.arrayBuffer() : undefined))
    .catch(() => undefined)
  if (!body) {
    throw new SetupError(
      `${url} cannot be downloaded: let this machine reach Maven Central, or put the address of your own Kafka as "kafka-url" into .data/secrets.json.`,
    )
  }
  const jar = Buffer.from(body)
  if (createHash('sha256').update(jar).digest('hex') !== sha256) {
    throw new SetupError(
      `${url} does not have the checksum that we know. Try again; if it stays so, do not use it.`,
    )
  }
  await writeFile(join(directory, basename(path)), jar)
}

/**
 * @param {{ dataDir: string, port: number, password: string }} options it takes the port after this one, too
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startKafka({ dataDir, port, password }) {
  const jars = await cached(`kafka-${version}`, () => Promise.reject(new Error('provideKafka comes first')))
  const directory = join(dataDir, 'kafka')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const settings = join(directory, 'server.properties')
  writeFileSync(settings, settingsOf({ directory, port, password }), { mode: 0o600 })
  const java = ['-cp', join(jars, '*'), '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn']
  if (!existsSync(join(directory, 'data/meta.properties'))) {
    const cluster = randomBytes(16).toString('base64url').replace(/^-/, 'a')
    const { code, output } = await run('java', [
      ...java,
      'kafka.tools.StorageTool',
      ...['format', '--cluster-id', cluster, '--config', settings],
    ])
    if (code !== 0) {
      throw new SetupError(
        `Kafka cannot make its data directory:\n  ${output.trim().split('\n').slice(-3).join('\n  ')}`,
      )
    }
  }
  return startServerProcess({
    name: 'Kafka',
    command: 'java',
    args: ['-Xmx512m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError', ...java, 'kafka.Kafka', settings],
    cwd: directory,
    logFile: join(dataDir, 'logs/kafka.log'),
    isReady: () => answers(port),
    readyWithinMs: 120_000,
    stopSignal: 'SIGTERM',
    stopWithinMs: 30_000,
  })
}

/** @param {{ directory: string, port: number, password: string }} place */
function settingsOf({ directory, port, password }) {
  const login = `org.apache.kafka.common.security.plain.PlainLoginModule required username="parley" password="${password}" user_parley="${password}";`
  return `process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${port + 1}
listeners=CLIENTS://127.0.0.1:${port},CONTROLLER://127.0.0.1:${port + 1}
advertised.listeners=CLIENTS://127.0.0.1:${port}
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.clients.plain.sasl.jaas.config=${login}
listener.name.controller.plain.sasl.jaas.config=${login}
log.dirs=${join(directory, 'data')}
# One node has no use for more.
num.partitions=16
offsets.topic.num.partitions=5
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
# Nobody else is going to join in the next three seconds.
group.initial.rebalance.delay.ms=0
log.retention.hours=24
`
}

/** Whether a broker on this port tells which requests it understands (ApiVersions 0). */
async function answers(/** @type {number} */ port) {
  const socket = connect(port, '127.0.0.1')
  socket.setTimeout(2_000, () => socket.destroy())
  try {
    await once(socket, 'connect')
    const [apiKey, apiVersion, correlationId, clientId] = [18, 0, 1, -1]
    const request = Buffer.alloc(14)
    request.writeInt32BE(10, 0)
    request.writeInt16BE(apiKey, 4)
    request.writeInt16BE(apiVersion, 6)
    request.writeInt32BE(correlationId, 8)
    request.writeInt16BE(clientId, 12)
    socket.write(request)
    for await (const chunk of socket) return chunk.length >= 10 && chunk.readInt16BE(8) === 0
    return false
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
