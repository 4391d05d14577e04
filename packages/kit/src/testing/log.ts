import { createLogger, type Logger } from '../logger.ts'

/** A logger whose lines a test reads. */
export function recordedLogger(level = 'debug'): {
  logger: Logger
  lines: Record<string, unknown>[]
  text(): string
} {
  const written: string[] = []
  const lines: Record<string, unknown>[] = []
  const logger = createLogger('messages', level, {
    write(line) {
      written.push(line)
      lines.push(JSON.parse(line))
    },
  })
  return { logger, lines, text: () => written.join('') }
}
