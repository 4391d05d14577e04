import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import { type Parley, startParley } from '@parley/testkit'
import { hasRedis } from '../system/redis.ts'
import { type RealSystem, startReal } from './start.ts'
import { underTraffic } from './under-traffic.ts'

const gatewayPort = 8080
const skip = !hasRedis && 'there is no redis-server here'

let before: RealSystem | undefined
let swapped: Parley | undefined
let directory: string
after(async () => {
  await before?.close()
  await swapped?.stop()
  if (directory) await rm(directory, { recursive: true, force: true })
})

it('a broker that is swapped in the middle of traffic loses nothing and doubles nothing', {
  skip,
}, async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-swap-'))
  before = await startReal([], directory)
  const { parley } = before
  const portOffset = String(Number(new URL(parley.url).port) - gatewayPort)
  await underTraffic(before, async () => {
    await parley.stop()
    swapped = await startParley({ directory, args: ['--broker', 'redis', '--port-offset', portOffset] })
  })
})
