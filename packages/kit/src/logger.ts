import type { AppId } from '@parley/contracts'
import { pino } from 'pino'
import { currentTrace } from './trace.ts'

export type Logger = pino.Logger

/** What is never written to a log, at the top of a line's object and one level down: secrets, and what people wrote. */
const secretNames = [
  'authorization',
  'token',
  'accessToken',
  'refreshToken',
  'password',
  'secret',
  'privateKey',
  'text',
  '["dapr-api-token"]',
]

/** JSON lines on stdout, each with the id of the trace that it belongs to. */
export function createLogger(app: AppId, level: string, destination?: pino.DestinationStream): Logger {
  const options: pino.LoggerOptions = {
    level,
    base: { app },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    mixin() {
      const trace = currentTrace()
      return trace ? { traceId: trace.traceId } : {}
    },
    redact: {
      paths: secretNames.flatMap((name) => [name, name.startsWith('[') ? `*${name}` : `*.${name}`]),
      censor: '[redacted]',
    },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
