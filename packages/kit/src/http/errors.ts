import type { NextFunction, Request, Response } from 'express'
import { ChatError } from '../errors.ts'
import type { Logger } from '../logger.ts'

/** What body-parser and the router throw, in our words. */
export function toChatError(error: unknown): ChatError {
  if (error instanceof ChatError) return error
  const { type, status, limit } = error as { type?: string; status?: number; limit?: number }
  if (type === 'entity.too.large')
    return new ChatError('body_too_large', { detail: `At most ${limit} bytes`, extra: { limit } })
  if (type !== undefined && status !== undefined && status < 500)
    return new ChatError('body_not_json', { detail: (error as Error).message })
  if (error instanceof URIError) return new ChatError('invalid_body', { detail: 'path: is not well encoded' })
  return new ChatError('internal', { cause: error })
}

/** The one table from errors to answers. Must be the last handler of the app. */
export function answerError(logger: Logger) {
  return (error: unknown, request: Request, response: Response, _next: NextFunction): void => {
    const chatError = toChatError(error)
    if (chatError.code === 'internal') logger.error({ err: error, path: request.path }, 'a request failed')
    else if (chatError.status >= 500)
      logger.warn({ err: error, path: request.path }, 'a request was not served')
    if (response.headersSent) return void response.destroy()
    response.statusCode = chatError.status
    response.setHeader('content-type', 'application/problem+json')
    if (chatError.retryAfterMs !== undefined)
      response.setHeader('retry-after', String(Math.ceil(chatError.retryAfterMs / 1000)))
    if (chatError.status === 401) response.setHeader('www-authenticate', 'Bearer')
    response.end(JSON.stringify(chatError.toProblem()))
  }
}
