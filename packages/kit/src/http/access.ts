/** Who calls, and who may: the sidecar, another app, a person. */
import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { type AppId, appIds, type SessionId, type UserId } from '@parley/contracts'
import type { Request } from 'express'
import { ChatError } from '../errors.ts'

/** Who a verified access token speaks for. */
export interface Caller {
  readonly userId: UserId
  readonly sessionId: SessionId
}

/** daprd sets it when it calls another app's sidecar; not in a call through our own, and not for events. */
const callerHeader = 'dapr-caller-app-id'

export const comesFromBroker = ({ headers }: IncomingMessage): boolean => headers[callerHeader] === undefined

/** Tells who is the sidecar. The comparison takes the same time wherever the tokens differ. */
export function sidecarCheck(token: string | undefined): (request: IncomingMessage) => boolean {
  if (token === undefined) return () => true
  const expected = Buffer.from(token)
  return ({ headers }) => {
    const header = headers['dapr-api-token']
    const given = Buffer.from(typeof header === 'string' ? header : '')
    return given.length === expected.length && timingSafeEqual(given, expected)
  }
}

/** The app whose sidecar called. No header means ourselves. */
export function callingApp(request: Request, access: readonly AppId[], self: AppId): AppId {
  const header = request.headers[callerHeader] ?? self
  const caller = appIds.find((app) => app === header)
  if (caller === undefined || !access.includes(caller)) throw new ChatError('forbidden')
  return caller
}

export async function verifyCaller(
  request: Request,
  verifyToken: (token: string) => Promise<Caller>,
): Promise<Caller> {
  const header = request.headers.authorization
  if (header === undefined || header === '') throw new ChatError('token_missing')
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1]
  if (token === undefined) throw new ChatError('token_invalid')
  return verifyToken(token)
}
