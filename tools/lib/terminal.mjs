// What the tools say to a person. Built-ins only: this runs before anything is installed.
import { spawn } from 'node:child_process'

/** An error whose message says to a person what is wrong and what to do: printed alone, without a stack. */
export class SetupError extends Error {}

const color = process.stdout.isTTY && !process.env.NO_COLOR
const paint = (/** @type {number} */ code, /** @type {string} */ text) =>
  color ? `\x1b[${code}m${text}\x1b[0m` : text
export const dim = (/** @type {string} */ text) => paint(2, text)
export const bold = (/** @type {string} */ text) => paint(1, text)

/** Whether the last line is one that a running step writes anew each second. */
let live = false
const clearLive = () => {
  if (live) process.stdout.write('\r\x1b[K')
  live = false
}
const writeLive = (/** @type {string} */ text) => {
  process.stdout.write(`\r\x1b[K${dim(text.slice(0, process.stdout.columns - 1))}`)
  live = true
}

export const say = (/** @type {string} */ text = '') => {
  clearLive()
  console.log(text)
}
export const warn = (/** @type {string} */ text) => say(`${paint(33, '!')} ${text}`)
export const complain = (/** @type {string} */ text) => {
  clearLive()
  console.error(`${paint(31, '✗')} ${text}`)
}

const seconds = (/** @type {number} */ since) => ((Date.now() - since) / 1000).toFixed(1)

/**
 * Shows how long a step takes while it takes long, and says that it is done. In a terminal the line counts; elsewhere
 * there is one from time to time.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {{ estimateSeconds?: number }} [options]
 * @returns {Promise<T>}
 */
export async function step(name, work, options = {}) {
  const started = Date.now()
  const estimate = options.estimateSeconds ? ` (usually about ${duration(options.estimateSeconds)})` : ''
  if (options.estimateSeconds && !process.stdout.isTTY) say(dim(`… ${name}${estimate}`))
  const soFar = () => `… ${name} ${duration((Date.now() - started) / 1000)}${estimate}`
  const ticker = process.stdout.isTTY
    ? setInterval(() => writeLive(soFar()), 1_000)
    : setInterval(() => say(dim(soFar())), 15_000)
  ticker.unref()
  try {
    const result = await work()
    say(`${paint(32, '✓')} ${name} ${dim(`${seconds(started)} s`)}`)
    return result
  } finally {
    clearInterval(ticker)
    clearLive()
  }
}

const duration = (/** @type {number} */ total) =>
  total < 90 ? `${Math.round(total)} s` : `${(total / 60).toFixed(1)} min`

/** Commands that run right now, so that a tool that is told to stop can end them. */
const running = new Set()
export const endCommands = () => {
  for (const child of running) {
    child.kill('SIGTERM')
    // npm tidies up for a long time. What it leaves half done, the next start does anew.
    setTimeout(() => child.kill('SIGKILL'), 1_000).unref()
  }
}

/**
 * Runs a command to its end. Its output is kept for the error only, or shown where `show` is set.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean, input?: string, timeoutMs?: number, uid?: number, gid?: number }} [options]
 * @returns {Promise<{ code: number | null, output: string }>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const { show, input, timeoutMs, ...rest } = options
    const child = spawn(command, [...args], {
      ...rest,
      ...(timeoutMs ? { timeout: timeoutMs } : {}),
      stdio: [input === undefined ? 'ignore' : 'pipe', show ? 'inherit' : 'pipe', show ? 'inherit' : 'pipe'],
    })
    running.add(child)
    let output = ''
    const keep = (/** @type {Buffer} */ chunk) => {
      output = (output + chunk).slice(-64 * 1024)
    }
    child.stdout?.on('data', keep)
    child.stderr?.on('data', keep)
    child.stdin?.on('error', () => {}) // it ended before it read all: its exit code says so
    child.stdin?.end(input)
    child.on('error', (error) => {
      running.delete(child)
      reject(error)
    })
    child.on('close', (code) => {
      running.delete(child)
      resolve({ code, output })
    })
  })
}

/**
 * Ends the process with what went wrong: the sentence of a SetupError, the stack of anything else.
 * @param {unknown} error
 * @returns {never}
 */
export function exitWith(error) {
  if (error instanceof SetupError) complain(error.message)
  else console.error(error)
  process.exit(1)
}
