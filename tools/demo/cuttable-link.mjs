// A TCP link to the server that can be cut like a cable: both ends are reset, what was on the way is lost, and nobody
// gets through until it is mended.
import { connect, createServer } from 'node:net'
import { connect as connectTls } from 'node:tls'

/**
 * @typedef {object} Link
 * @property {string} url the server, through this link
 * @property {() => void} cut
 * @property {() => void} mend
 * @property {() => Promise<void>} close
 */

/**
 * @param {string} url
 * @returns {Promise<Link>}
 */
export async function openLink(url) {
  const { protocol, hostname: host, port } = new URL(url)
  const target = { host, port: Number(port || (protocol === 'https:' ? 443 : 80)) }
  /** @type {Set<import('node:net').Socket>} */
  const ends = new Set()
  let whole = true

  const server = createServer({ noDelay: true }, (near) => {
    if (!whole) {
      near.resetAndDestroy()
      return
    }
    const far =
      protocol === 'https:'
        ? connectTls({ ...target, servername: host })
        : connect({ ...target, noDelay: true })
    for (const [end, other] of /** @type {const} */ ([
      [near, far],
      [far, near],
    ])) {
      ends.add(end)
      end.on('error', () => other.destroy())
      end.on('close', () => {
        ends.delete(end)
        other.destroy()
      })
      end.pipe(other)
    }
  })
  await new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve(undefined))
  })
  const cut = () => {
    whole = false
    for (const end of ends) end.destroy()
  }
  const { port: own } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    url: `http://127.0.0.1:${own}`,
    cut,
    mend() {
      whole = true
    },
    close() {
      cut()
      return new Promise((resolve) => server.close(() => resolve(undefined)))
    },
  }
}
