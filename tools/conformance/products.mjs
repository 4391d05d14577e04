// What really runs, with its version: what a server is asked for, not what it stands in for.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { provideDapr } from '../dapr.mjs'
import { ferretdb } from '../lib/ferretdb.mjs'
import { version as kafka } from '../lib/kafka.mjs'
import { version as moto } from '../lib/moto.mjs'
import { findProgram } from '../lib/packages.mjs'
import { findBinaries } from '../lib/postgres.mjs'
import { debianDirectory } from '../lib/rabbitmq.mjs'
import { root } from '../lib/root.mjs'
import { run } from '../lib/terminal.mjs'

/** @type {Record<string, () => Promise<string> | string>} */
const products = {
  postgres: async () => `PostgreSQL ${await said((await findBinaries()).postgres, '--version')}`,
  redis: async () => `Redis ${await said('redis-server', '--version')}`,
  mqtt: () => `aedes ${aedes()}`,
  mosquitto: async () => `Mosquitto ${await said(findProgram('mosquitto') ?? 'mosquitto', '-h')}`,
  rabbitmq: async () => `RabbitMQ ${await said(rabbitmqctl(), 'version')}`,
  mongodb: () => `FerretDB ${ferretdb.version} (for MongoDB)`,
  kafka: () => `Kafka ${kafka}`,
  nats: async () => `NATS ${await said(findProgram('nats-server') ?? 'nats-server', '--version')}`,
  aws: () => `moto ${moto} (for SNS and SQS)`,
}

export const productOf = async (/** @type {string} */ server) => products[server]?.() ?? server

export const daprVersion = async () => said((await provideDapr()).daprd, '--version')

const rabbitmqctl = () => {
  const debians = join(debianDirectory, 'rabbitmqctl')
  return existsSync(debians) ? debians : 'rabbitmqctl'
}

const aedes = () => JSON.parse(readFileSync(join(root, 'node_modules/aedes/package.json'), 'utf8')).version

/**
 * The first version in what a program says of itself.
 * @param {string} program
 * @param {string} flag
 */
async function said(program, flag) {
  const { output } = await run(program, [flag])
  return /\d+(\.\d+)+/.exec(output)?.[0] ?? output.trim().slice(0, 40)
}
