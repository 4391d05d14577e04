import assert from 'node:assert/strict'
import { createDoor, leave, signUp } from '../../../tests/dist/people/person.js'
import { createShapes } from '../../../tests/dist/people/shapes.js'
import { startOnKubernetes } from './system.mjs'

/** @typedef {ReturnType<typeof createWorld>} World */

/** The system, and people at its gateway. */
export function createWorld() {
  /** @type {(() => Promise<void>)[]} */
  const closing = []
  /** @type {Awaited<ReturnType<typeof startOnKubernetes>> | undefined} */
  let started
  const shapes = createShapes()
  const system = () => {
    assert.ok(started)
    return started
  }
  /** @type {import('../../../tests/dist/people/person.js').Door | undefined} */
  let door
  return {
    async open() {
      started = await startOnKubernetes((close) => closing.unshift(close))
      door = createDoor(started.url, shapes)
    },
    async close() {
      if (door) leave(door)
      /** @type {unknown[]} */
      const failures = []
      // One that fails leaves nothing else behind.
      for (const close of closing) await close().catch((error) => failures.push(error))
      assert.deepEqual([failures, shapes.wrong], [[], []])
    },
    system,
    podOf(/** @type {string} */ app) {
      const pod = system().pods[app]
      assert.ok(pod)
      return pod
    },
    person(/** @type {string} */ name) {
      assert.ok(door)
      return signUp(door, name)
    },
  }
}
