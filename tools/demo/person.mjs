// One person of the demo: a real client over a link that can be cut, and what came of it.
import { randomBytes } from 'node:crypto'
import { createChat } from '@parley/client'
import { SetupError } from '../lib/terminal.mjs'
import { openLink } from './cuttable-link.mjs'

/**
 * @typedef {object} Person
 * @property {string} name
 * @property {string} id
 * @property {import('@parley/client').Chat} chat
 * @property {import('./cuttable-link.mjs').Link} link
 * @property {{ seq: number, clientId: string, senderId: string, at: number }[]} got messages, in the order of arrival
 * @property {number[]} offline moments between which the connection was down: from, to, from, to …
 */

/**
 * @param {string} url
 * @param {string} name
 * @returns {Promise<Person>}
 */
export async function join(url, name) {
  const link = await openLink(url)
  const chat = createChat({ url: link.url, device: 'npm run demo' })
  /** @type {Person} */
  const person = { name, id: '', chat, link, got: [], offline: [] }
  chat.on('entry', (entry) => {
    if (entry.kind !== 'message') return
    const { seq, clientId, senderId } = entry.message
    person.got.push({ seq, clientId, senderId, at: performance.now() })
  })
  let online = false
  chat.on('connection', ({ status }) => {
    if (online === (status === 'online')) return
    online = !online
    person.offline.push(performance.now())
  })
  const username = `${name.toLowerCase()}-${randomBytes(4).toString('hex')}`
  const user = await chat
    .register({ username, password: randomBytes(12).toString('hex'), displayName: name })
    .catch((error) => {
      throw new SetupError(`${name} could not sign up at ${url}: ${error.message} (${error.code}).`)
    })
  person.id = user.id
  const synced = new Promise((resolve) => chat.on('synced', resolve))
  chat.connect()
  await within(20_000, synced, `${name} got no connection to ${url}: is its WebSocket reachable?`)
  person.offline.length = 0
  return person
}

/**
 * @template T
 * @param {number} ms
 * @param {Promise<T>} promise
 * @param {string} otherwise
 * @returns {Promise<T>}
 */
export async function within(ms, promise, otherwise) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new SetupError(otherwise)), ms)
  })
  try {
    return await Promise.race([promise, /** @type {Promise<never>} */ (late)])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * Whether the person's connection was down at any moment between the two.
 * @param {Person} person
 * @param {number} from
 * @param {number} to
 */
export function wasOffline({ offline }, from, to) {
  for (let index = 0; index < offline.length; index += 2) {
    const [down = 0, up = Number.POSITIVE_INFINITY] = offline.slice(index, index + 2)
    if (down <= to && up >= from) return true
  }
  return false
}
