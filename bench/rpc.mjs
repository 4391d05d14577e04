// Calls between this process and one that it started: a name, one argument, one answer.
import { fork } from 'node:child_process'

/**
 * @typedef {object} Helper
 * @property {number} pid
 * @property {(method: string, argument?: object) => Promise<any>} call rejects when the helper throws or ends
 * @property {() => Promise<void>} stop
 */

/**
 * @param {URL} file
 * @param {NodeJS.ProcessEnv} [env] beside that of this process
 * @returns {Helper}
 */
export function startHelper(file, env = {}) {
  const child = fork(file, { env: { ...process.env, ...env }, serialization: 'advanced' })
  /** @type {Map<number, { resolve(value: unknown): void, reject(error: Error): void }>} */
  const open = new Map()
  let calls = 0
  child.on(
    'message',
    (/** @type {{ id: number, value?: unknown, error?: string }} */ { id, value, error }) => {
      const call = open.get(id)
      open.delete(id)
      if (error === undefined) call?.resolve(value)
      else call?.reject(new Error(error))
    },
  )
  /** @type {Promise<void>} */
  const ended = new Promise((resolve) => {
    child.on('exit', () => {
      for (const { reject } of open.values()) reject(new Error(`${file.pathname} has ended`))
      open.clear()
      resolve()
    })
  })
  return {
    pid: /** @type {number} */ (child.pid),
    call: (method, argument = {}) =>
      new Promise((resolve, reject) => {
        if (!child.connected) return reject(new Error(`${file.pathname} has ended`))
        open.set(++calls, { resolve, reject })
        child.send({ id: calls, method, argument })
      }),
    stop() {
      child.kill('SIGTERM')
      return ended
    },
  }
}

/**
 * The other side.
 * @param {Record<string, (argument: any) => unknown>} methods
 */
export function serve(methods) {
  // Whoever started this is gone: so is the reason for it.
  process.on('disconnect', () => process.exit(0))
  process.on('SIGINT', () => {}) // Ctrl-C in the terminal reaches the one who started this, too
  process.on('message', async (/** @type {{ id: number, method: string, argument: object }} */ request) => {
    try {
      const value = await methods[request.method]?.(request.argument)
      process.send?.({ id: request.id, value })
    } catch (error) {
      process.send?.({
        id: request.id,
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
    }
  })
}
