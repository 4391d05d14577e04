// A private Mosquitto: a second MQTT server, to see that the embedded one is not the only one that works.
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { findProgram } from './packages.mjs'
import { startServerProcess } from './server-process.mjs'
import { run, SetupError } from './terminal.mjs'

/**
 * @param {{ dataDir: string, port: number, password: string }} options
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startMosquitto({ dataDir, port, password }) {
  const directory = join(dataDir, 'mosquitto')
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const [settings, passwords] = [join(directory, 'mosquitto.conf'), join(directory, 'passwords')]
  writeFileSync(passwords, `parley:${password}\n`, { mode: 0o600 })
  const { code, output } = await run('mosquitto_passwd', ['-U', passwords]) // hashes them where they are
  if (code !== 0) throw new SetupError(`mosquitto_passwd failed: ${output.trim()}`)
  writeFileSync(
    settings,
    `listener ${port} 127.0.0.1
allow_anonymous false
password_file ${passwords}
# As root it would become a user who may not enter our directory.
${process.getuid?.() === 0 ? 'user root' : ''}
persistence true
persistence_location ${directory}/
# Sessions are written when it stops, and every so many seconds: what came since is gone after a hard kill.
autosave_interval 10
# The default, 1000, drops what comes beyond it for a subscriber who is away.
max_queued_messages 0
set_tcp_nodelay true
`,
    { mode: 0o600 },
  )
  return startServerProcess({
    name: 'Mosquitto',
    command: findProgram('mosquitto') ?? 'mosquitto',
    args: ['-c', settings],
    logFile: join(dataDir, 'logs/mosquitto.log'),
    isReady: () => isListening(port),
    stopSignal: 'SIGTERM',
  })
}

async function isListening(/** @type {number} */ port) {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
