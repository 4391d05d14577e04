import { createServer } from 'node:net'
import { SetupError } from './terminal.mjs'

/**
 * @param {number} port
 * @param {string} [host] one address; both loopback and every address are asked where it is left out
 * @returns {Promise<boolean>}
 */
export function portIsFree(port, host) {
  if (host === undefined)
    return portIsFree(port, '127.0.0.1').then((free) => free && portIsFree(port, '0.0.0.0'))
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}

/**
 * @param {readonly { port: number, what: string }[]} ports
 */
export async function demandFreePorts(ports) {
  /** @type {{ port: number, what: string }[]} */
  const taken = []
  for (const one of ports) if (!(await portIsFree(one.port))) taken.push(one)
  if (taken.length === 0) return
  const list = taken.map(({ port, what }) => `${port} (${what})`).join(', ')
  throw new SetupError(
    `Port ${list} is in use by another program: end that program, or shift all of Parley's ports with \`npm start -- --port-offset 1000\`.`,
  )
}

/**
 * A port on loopback that nobody listens on now.
 * @returns {Promise<number>}
 */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })
}
