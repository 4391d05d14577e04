import assert from 'node:assert/strict'
import { type Parley, startParley } from '@parley/testkit'
import { createDoor, type Door, leave, type Person, signUp } from '../people/person.ts'
import { type PushService, startPushService } from '../people/push-service.ts'
import { createShapes } from '../people/shapes.ts'

/** A Parley with real sidecars, and people at its gateway. */
export interface RealSystem {
  readonly parley: Parley
  readonly door: Door
  readonly push: PushService
  people<const N extends readonly string[]>(...names: N): Promise<{ [K in keyof N]: Person }>
  close(): Promise<void>
}

/**
 * @param args more options of `npm start`
 * @param directory where its `.data/` is; a new one where it is left out
 */
export async function startReal(
  args: readonly string[] = [],
  directory?: string,
  more: Readonly<Record<string, string>> = {},
): Promise<RealSystem> {
  const push = await startPushService()
  const env = { PARLEY_PUSH_ALLOW_LOOPBACK: 'true', NODE_EXTRA_CA_CERTS: push.caFile, ...more }
  const parley = await startParley({ args, env, ...(directory === undefined ? {} : { directory }) }).catch(
    async (error) => {
      await push.close()
      throw error
    },
  )
  const shapes = createShapes()
  const door = createDoor(parley.url, shapes)
  return {
    ...{ parley, door, push },
    people: (...names) => Promise.all(names.map((name) => signUp(door, name))) as never,
    async close() {
      leave(door)
      await Promise.all([parley.stop(), push.close()])
      assert.deepEqual(shapes.wrong, [])
    },
  }
}
