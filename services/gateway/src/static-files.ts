import type { IncomingMessage, ServerResponse } from 'node:http'
import compression from 'compression'
import send from 'send'
import { cacheControl } from './headers.ts'

const compress = compression({ threshold: 1024 }) as unknown as (
  request: IncomingMessage,
  response: ServerResponse,
  next: () => void,
) => void

function sendFrom(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  options: { root?: string; cache: string },
  missing: () => void,
): void {
  const { root, cache } = options
  compress(request, response, () => {
    send(request, path, {
      cacheControl: false,
      dotfiles: root === undefined ? 'allow' : 'ignore',
      index: false,
      ...(root === undefined ? {} : { root }),
    })
      .on('headers', (answer: ServerResponse) => answer.setHeader('Cache-Control', cache))
      .on('directory', missing)
      .on('error', missing)
      .pipe(response)
  })
}

/** One file at an absolute path of our own. */
export function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: string,
  missing: () => void,
): void {
  sendFrom(request, response, encodeURI(file), { cache: cacheControl.revalidate }, missing)
}

/** The web app: its files, and index.html for every path that is a place inside the app. */
export function sendWeb(
  request: IncomingMessage,
  response: ServerResponse,
  root: string,
  missing: () => void,
): void {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/'
  const file = (cache: string) => sendFrom(request, response, path, { root, cache }, missing)
  if (/\/\./.test(path)) missing()
  else if (path.startsWith('/assets/')) file(cacheControl.hashed)
  // A file that is missing is not a page of the app.
  else if (/\.[A-Za-z0-9]+$/.test(path)) file(cacheControl.revalidate)
  else sendFrom(request, response, '/index.html', { root, cache: cacheControl.revalidate }, missing)
}
