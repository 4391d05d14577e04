import assert from 'node:assert/strict'
import type { AppId } from '@parley/contracts'
import { type FakeDapr, type Faults, fakeDapr } from '@parley/testkit'
import { createDoor, type Door, leave, type Person, signUp } from '../people/person.ts'
import { type PushService, startPushService } from '../people/push-service.ts'
import { createShapes, type Shapes } from '../people/shapes.ts'
import { type RedisServer, startRedis } from './redis.ts'
import { appApiToken, daprApiToken, type Service, startService } from './service.ts'
import * as services from './services.ts'

export interface ChatOptions extends Partial<services.Settings> {
  /** What the fake Dapr draws its faults from. Timing is real, so the same seed makes a similar run, not the same. */
  readonly seed?: number
  readonly faults?: Partial<Faults>
  /** Of `realtime`. Two need a Redis on this machine. */
  readonly nodes?: 1 | 2
  /** Errors in the log that the test provokes. */
  readonly tolerate?: RegExp
  /** Gets every line that a service logs, at the lowest level. */
  readonly hear?: (line: string) => void
}

/** A whole Parley in this process: every service as it is, over a Dapr that misbehaves as the test says. */
export interface System {
  readonly dapr: FakeDapr
  /** The public addresses, one for each node of `realtime`: the first serves unless a test says otherwise. */
  readonly doors: readonly [Door, ...Door[]]
  readonly shapes: Shapes
  readonly push: PushService
  readonly redis: RedisServer | undefined
  /** By the order of their start where there are several. */
  service(app: AppId, index?: number): Service
  /** Registers people; their names get something unique at the end. */
  people<const N extends readonly string[]>(...names: N): Promise<{ [K in keyof N]: Person }>
  /** Ends all, and fails where something crossed the protocol that should not, or a service complained. */
  close(): Promise<void>
}

export async function startChat(options: ChatOptions = {}): Promise<System> {
  const { seed = 1, nodes = 1 } = options
  const shapes = createShapes()
  const complaints: string[] = []
  const dapr = fakeDapr({ seed, apiToken: daprApiToken, appApiToken })
  const push = await startPushService()
  const redis = nodes > 1 ? await startRedis() : undefined
  const settings = { rateLimits: true, ca: push.ca, ...options }
  const running: Service[] = []

  async function start(app: AppId, create: Parameters<typeof startService>[2]): Promise<Service> {
    const complain = (line: string): void => {
      if (options.tolerate?.test(line) !== true) complaints.push(line)
    }
    const service = await startService(dapr, app, create, complain, options.hear)
    running.push(service)
    return service
  }
  await start('auth', services.auth(settings))
  await start('messages', services.messages(settings))
  await start('presence', services.presence)
  await start('notifications', services.notifications(settings))

  async function open(name: string): Promise<Door> {
    const node = await start('realtime', services.realtime(settings, name, redis?.url))
    const { port } = await start('gateway', services.gateway(node.port))
    return createDoor(`http://127.0.0.1:${port}`, shapes)
  }
  const doors: [Door, ...Door[]] = [await open('node-1')]
  if (nodes > 1) doors.push(await open('node-2'))
  dapr.setFaults(options.faults ?? {})

  return {
    ...{ dapr, doors, shapes, push, redis },
    service(app, index = 0) {
      const service = running.filter((one) => one.app === app)[index]
      if (!service) throw new TypeError(`There is no ${app} ${index}`)
      return service
    },
    people: (...names) => Promise.all(names.map((name) => signUp(doors[0], name))) as never,
    async close() {
      for (const door of doors) leave(door)
      dapr.setFaults({ duplicates: 0, maxDelayMs: 0, lostAnswers: 0, failures: 0, lostCalls: 0, losses: {} })
      // The gateways last: what is said in parting still goes through them.
      const order = [...running]
        .reverse()
        .sort((a, b) => Number(a.app === 'gateway') - Number(b.app === 'gateway'))
      for (const service of order) await service.stop()
      await Promise.all([push.close(), redis?.kill(), dapr.close()])
      assert.deepEqual(shapes.wrong, [])
      assert.deepEqual(complaints, [])
    },
  }
}
