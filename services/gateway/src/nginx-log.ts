/** What NGINX says on its standard error → lines of our log, and the reason why it could not start. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Logger } from '@parley/kit'

const levels = { alert: 'error', crit: 'error', error: 'warn', warn: 'warn' } as const

export interface NginxLine {
  readonly level: 'error' | 'warn' | 'info' | 'emerg'
  readonly text: string
}

/**
 * `2026/01/01 00:00:00 [error] 17#17: *4 connect() failed …, request: "GET /x?y HTTP/1.1", …`. NGINX writes whole
 * request targets; a query string may hold what nobody should read in a log.
 */
export function readNginxLine(line: string): NginxLine {
  const [, level = '', rest = line] =
    /^(?:nginx: |[\d/]+ [\d:]+ )\[(\w+)\] (?:\d+#\d+: )?(?:\*\d+ )?(.*)$/.exec(line) ?? []
  const text = rest.replace(/\?[^\s"]*/g, '?…')
  if (level === 'emerg') return { level, text }
  return { level: Object.hasOwn(levels, level) ? levels[level as keyof typeof levels] : 'info', text }
}

/** Resolves, when NGINX is gone, with the first thing that made it end. */
export async function followNginx(stderr: Readable, logger: Logger): Promise<string | undefined> {
  let reason: string | undefined
  for await (const line of createInterface({ input: stderr })) {
    const { level, text } = readNginxLine(line)
    if (level === 'emerg') reason ??= text
    else logger[level](`nginx: ${text}`)
  }
  return reason
}
