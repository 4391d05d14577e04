// Accounts and rooms, over HTTP. Kept here: the other process names people and rooms by their number.
import { randomBytes } from 'node:crypto'

/**
 * @typedef {{ id: string, accessToken: string, refreshToken: string, goodUntil: number }} Person
 * @typedef {{ conversationId: string, members: number[] }} Room
 */

/** @type {Person[]} */
export const people = []
/** @type {Room[]} */
export const rooms = []

const atOnce = 4

/**
 * @param {string} url
 * @param {string} path
 * @param {{ body?: object, token?: string }} [options]
 */
export async function request(url, path, { body, token } = {}) {
  const response = await fetch(`${url}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
    ...(body && { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(60_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text.slice(0, 300)}`)
  return JSON.parse(text)
}

/**
 * @template T
 * @param {readonly T[]} items
 * @param {number} limit
 * @param {(item: T) => Promise<void>} task
 */
export async function each(items, limit, task) {
  const queue = [...items]
  const work = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await task(item)
  }
  await Promise.all(Array.from({ length: limit }, work))
}

/** @param {{ url: string, count: number }} options */
export async function signUp({ url, count }) {
  await each(
    Array.from({ length: count }, (_, index) => index),
    atOnce,
    async (index) => {
      const username = `bench-${index}-${randomBytes(4).toString('hex')}`
      people[index] = personOf(
        await request(url, '/api/auth/register', { body: { username, password: username } }),
      )
    },
  )
}

/** @param {{ user: { id: string }, accessToken: string, refreshToken: string, expiresIn: number }} tokens */
const personOf = ({ user, accessToken, refreshToken, expiresIn }) => ({
  id: user.id,
  accessToken,
  refreshToken,
  goodUntil: Date.now() + expiresIn * 1000,
})

/**
 * @param {string} url
 * @param {number} index
 */
export async function tokenOf(url, index) {
  const person = /** @type {Person} */ (people[index])
  if (person.goodUntil - Date.now() > 120_000) return person.accessToken
  const fresh = personOf(
    await request(url, '/api/auth/refresh', { body: { refreshToken: person.refreshToken } }),
  )
  people[index] = fresh
  return fresh.accessToken
}

/**
 * @param {{ url?: string, members: number[][] }} options without a url: rooms of the bare relay, which are only names
 * @returns {Promise<number[]>} their numbers
 */
export async function createRooms({ url, members }) {
  const first = rooms.length
  const numbers = members.map((_, index) => first + index)
  await each(numbers, atOnce, async (number) => {
    const mine = /** @type {number[]} */ (members[number - first])
    const conversationId = url === undefined ? `room-${number}` : await createRoom(url, mine)
    rooms[number] = { conversationId, members: mine }
  })
  return numbers
}

/**
 * @param {string} url
 * @param {number[]} members
 */
async function createRoom(url, [owner = 0, ...others]) {
  const body = { kind: 'group', title: 'Bench', memberIds: others.map((index) => people[index]?.id) }
  const { id } = await request(url, '/api/conversations', { body, token: await tokenOf(url, owner) })
  return /** @type {string} */ (id)
}
