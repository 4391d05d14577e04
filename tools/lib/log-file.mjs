// The log of one app and its sidecar. Both write straight into the file, so they can go on writing when the supervisor is
// gone; what a person should see at once is read back from it.
import { closeSync, existsSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/** @typedef {{ level: 'warning' | 'error' | 'fatal', text: string }} Notice */

export class LogFile {
  /** @param {string} path the log of the run before is kept as `<path>.1` */
  constructor(path) {
    this.path = path
    mkdirSync(dirname(path), { recursive: true })
    if (existsSync(path)) renameSync(path, `${path}.1`)
    closeSync(openSync(path, 'a'))
    this.readTo = 0
    this.rest = ''
  }

  open() {
    return openSync(this.path, 'a')
  }

  size() {
    return statSync(this.path).size
  }

  /**
   * @param {number} from
   * @returns {string} from there to the end; of what is longer, the end
   */
  textFrom(from) {
    return this.#read(from, this.size())
  }

  /** @returns {string[]} the complete lines since the last call; of many, the last */
  newLines() {
    const size = this.size()
    if (size <= this.readTo) return []
    const lines = (this.rest + this.#read(this.readTo, size)).split('\n')
    this.readTo = size
    this.rest = lines.pop() ?? ''
    return lines
  }

  /**
   * @param {number} from
   * @param {number} to
   */
  #read(from, to) {
    const start = Math.max(from, to - 256 * 1024)
    const buffer = Buffer.alloc(Math.max(0, to - start))
    const file = openSync(this.path, 'r')
    readSync(file, buffer, 0, buffer.length, start)
    closeSync(file)
    return buffer.toString('utf8')
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the CLI colours what it passes on
const colors = /\x1b\[[0-9;]*m/g
const pinoLevels = /** @type {const} */ ({ warn: 'warning', error: 'error', fatal: 'fatal' })

/**
 * What a line says, if it is more than information. Three write into the file: the app (pino's JSON, levels by name, behind `== APP ==`),
 * daprd (logfmt) and the CLI (a symbol in front).
 * @param {string} raw
 * @returns {Notice | undefined}
 */
export function readNotice(raw) {
  const line = raw.replace(colors, '').trim()
  if (line.startsWith('== APP == ')) return readAppLine(line.slice('== APP == '.length))
  const daprd = /\blevel=(warning|error|fatal)\b.*?\bmsg="((?:[^"\\]|\\.)*)"/.exec(line)
  if (daprd) {
    return {
      level: /** @type {Notice['level']} */ (daprd[1]),
      text: `sidecar: ${/** @type {string} */ (daprd[2]).replaceAll('\\"', '"')}`,
    }
  }
  const cli = /^(❌|⚠)\uFE0F?\s+(.*)$/u.exec(line)
  if (cli) return { level: cli[1] === '❌' ? 'error' : 'warning', text: /** @type {string} */ (cli[2]) }
  return undefined
}

/** @param {string} line */
function readAppLine(line) {
  try {
    const entry = JSON.parse(line)
    const level = pinoLevels[/** @type {'warn'} */ (entry.level)]
    const cause = entry.err?.message ?? entry.error
    return level && { level, text: [entry.msg, cause].filter((part) => typeof part === 'string').join(': ') }
  } catch {
    // Not pino: Node's own report of a crash, or a ConfigError on its way out.
    return /^(?:\w*Error\b|node:internal)/.test(line)
      ? { level: /** @type {const} */ ('error'), text: line }
      : undefined
  }
}

/** What is said at every start or end, or follows from an end: no news. */
const echoes = [
  /^Error exiting (Dapr|App)/,
  /^The (daprd|App) process exited/,
  /Could not update sidecar metadata/,
  /^sidecar: (mTLS is disabled|Actor runtime disabled|No scheduler host addresses|App channel is not initialized|Error processing component)/,
  /^sidecar: .*(context canceled|http: Server closed)/,
]
export const isEcho = (/** @type {Notice} */ notice) => echoes.some((pattern) => pattern.test(notice.text))

/**
 * Why a run failed, in the words of whoever failed first.
 * @param {string} text of one run
 * @returns {string | undefined}
 */
export function explainFailure(text) {
  const notices = text.split('\n').flatMap((line) => readNotice(line) ?? [])
  const component = notices.map(({ text: said }) => explainComponent(said)).find(Boolean)
  if (component) return component
  const grave = notices.filter(({ level }) => level !== 'warning')
  const telling = grave.filter((notice) => !isEcho(notice))
  const found = telling.find(({ level }) => level === 'fatal') ?? telling[0] ?? grave[0]
  return found?.text
}

/**
 * daprd wraps the cause of a component's failure several times in the same words.
 * @param {string} text
 */
function explainComponent(text) {
  const [, name, type] = /Failed to init component (\S+) \((\S+)\): /.exec(text) ?? []
  if (!name) return undefined
  const cause = text.slice(text.lastIndexOf(`(${type}): `) + `(${type}): `.length)
  return `the component ${name} (${type}) does not start: ${cause.replace(/(\\[nt])+/g, ' ')}`
}
