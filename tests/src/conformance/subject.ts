/** A Parley on one broker and one set of stores, whose servers are ours to kill. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type RealSystem, startReal } from '../dapr/start.ts'
import { leave } from '../people/person.ts'
import { type Ask, operatorOf } from './operator.ts'
import { directoryFor, provideServer, type Server, serversOf, writeSecrets } from './servers.ts'

export interface Combination {
  /** A folder of `components/brokers`. */
  readonly broker: string
  /** A folder of `components/stores`. */
  readonly stores: string
  readonly replicas: number
  /** What serves the broker's protocol, where it is not what `npm start` starts. */
  readonly brokerServer?: string | undefined
}

export interface Subject {
  readonly system: RealSystem
  readonly replicas: number
  readonly broker: Server
  readonly stores: readonly Server[]
  readonly ask: Ask
  /** Of the services, and of the servers. */
  readonly logs: string
  /** A clean stop. */
  close(options?: { keepLogs?: boolean }): Promise<void>
}

/** All that must run, by name; the broker first. */
async function needed({ broker, brokerServer = broker, stores, replicas }: Combination) {
  const storeServers = await serversOf([`stores/${stores}`])
  // Nodes of realtime reach each other over Redis.
  const adapter = replicas > 1 ? ['redis'] : []
  return { storeServers, all: [...new Set([brokerServer, ...storeServers, ...adapter])] }
}

/** Why this machine cannot run it, if so. Gets what is missing, where that is possible. */
export async function missingFor(combination: Combination): Promise<string | undefined> {
  for (const name of (await needed(combination)).all) {
    const { missing } = await provideServer(name)
    if (missing !== undefined) return missing
  }
  return undefined
}

export async function serverNames(combination: Combination): Promise<{ broker: string; stores: string[] }> {
  const { all, storeServers } = await needed(combination)
  return { broker: all[0] ?? combination.broker, stores: storeServers }
}

export async function startSubject(
  combination: Combination,
  env: Readonly<Record<string, string>> = {},
): Promise<Subject> {
  const { all, storeServers } = await needed(combination)
  const directory = await directoryFor([])
  const dataDir = join(directory, '.data')
  const servers = new Map<string, Server>()
  let system: RealSystem | undefined

  async function close({ keepLogs = false } = {}): Promise<void> {
    try {
      await system?.close()
    } finally {
      for (const server of servers.values()) await server.close()
      if (!keepLogs) await rm(directory, { recursive: true, force: true })
    }
  }

  try {
    for (const name of all) servers.set(name, await (await provideServer(name)).start(dataDir))
    await writeSecrets(directory, [...servers.values()])
    const { broker, stores, replicas } = combination
    const args = ['--broker', broker, '--stores', stores, '--replicas', String(replicas)]
    system = await startReal(args, directory, env)
    const of = (name: string): Server => {
      const server = servers.get(name)
      assert.ok(server, `${name} is started`)
      return server
    }
    return {
      system,
      replicas,
      broker: of(all[0] ?? broker),
      stores: storeServers.map(of),
      ask: await operatorOf(system),
      logs: join(dataDir, 'logs'),
      close,
    }
  } catch (error) {
    await close({ keepLogs: true })
    throw new Error(`It does not start; the logs are in ${join(dataDir, 'logs')}`, { cause: error })
  }
}

/** Runs one check; whoever it brought in has left afterwards, however it ended. */
export async function apply(
  subject: Subject,
  check: { run(subject: Subject): Promise<void> },
): Promise<void> {
  const { door } = subject.system
  try {
    await check.run(subject)
    assert.deepEqual(door.shapes.wrong, [], 'all that was said fits its contract')
  } finally {
    leave(door)
  }
}
