import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewaySettings } from './config.ts'
import { hostPlaceholder, type Page, securityHeaders, wellFormedHost } from './headers.ts'
import { type GatewayProblem, problemAnswer, problemType } from './problems.ts'

const host = new RegExp(wellFormedHost)

/** What the Node proxy says itself. */
export interface Answers {
  secure(request: IncomingMessage, response: ServerResponse, page: Page): void
  refuse(request: IncomingMessage, response: ServerResponse, code: GatewayProblem): void
}

export function createAnswers(settings: GatewaySettings): Answers {
  function secure(request: IncomingMessage, response: ServerResponse, page: Page): void {
    const name = request.headers.host ?? ''
    const own = host.test(name) ? name : settings.bind
    for (const [header, value] of Object.entries(securityHeaders(page, settings.tls !== undefined)))
      response.setHeader(header, value.replaceAll(hostPlaceholder, own))
  }

  function refuse(request: IncomingMessage, response: ServerResponse, code: GatewayProblem): void {
    if (response.headersSent) {
      response.destroy()
      return
    }
    const { status, headers, body } = problemAnswer(code)
    for (const name of response.getHeaderNames()) response.removeHeader(name)
    secure(request, response, 'data')
    response.writeHead(status, {
      ...headers,
      'Content-Type': problemType,
      'Content-Length': Buffer.byteLength(body),
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  return { secure, refuse }
}

/** The same for a connection that asked to be upgraded: there is no response object for it. */
export function problemOnSocket(code: GatewayProblem): string {
  const { status, headers, body } = problemAnswer(code)
  const fields = {
    ...headers,
    'Content-Type': problemType,
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  }
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`)
  return `HTTP/1.1 ${status} ${code}\r\n${head.join('')}\r\n${body}`
}
