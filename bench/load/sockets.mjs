// Connections, and who listens to what they bring.
import { setTimeout as sleep } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { each, rooms, tokenOf } from './accounts.mjs'

/**
 * @typedef {{ person: number, socket: import('socket.io-client').Socket, broken: boolean }} Line
 * @typedef {{ conversationId: string, seq: number, kind: string, message?: { clientId: string } }} Entry
 */

/** @type {Line[]} */
export const lines = []
/** @type {{ onEntry: (line: number, entry: Entry) => void }} */
export const listening = { onEntry: () => {} }

const atOnce = 25
const readyWithinMs = 30_000

/** @param {{ url: string, kind: 'parley' | 'relay', people: number[] }} options one connection for each that is named */
export async function connect({ url, kind, people }) {
  const first = lines.length
  await each(
    people.map((person, index) => ({ person, number: first + index })),
    atOnce,
    async ({ person, number }) => {
      const auth = kind === 'parley' ? { token: await tokenOf(url, person) } : { rooms: roomsOf(person) }
      const socket = io(url, { auth, transports: ['websocket'], forceNew: true, reconnection: false })
      lines[number] = { person, socket, broken: false }
      socket.on('entry', (entry) => listening.onEntry(number, entry))
      socket.on('disconnect', () => {
        const line = lines[number]
        if (line) line.broken = true
      })
      await ready(socket)
    },
  )
}

/** @param {number} person */
const roomsOf = (person) =>
  rooms.filter(({ members }) => members.includes(person)).map(({ conversationId }) => conversationId)

/** @param {import('socket.io-client').Socket} socket */
function ready(socket) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('a connection did not get ready')), readyWithinMs)
    socket.on('connect_error', (error) => reject(new Error(`a connection was refused: ${error.message}`)))
    socket.on('ready', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
  })
}

/** How many connections have broken that nobody closed. */
export const brokenLines = () => lines.filter(({ broken }) => broken).length

export async function closeAll() {
  for (const { socket } of lines) socket.disconnect()
  lines.length = 0
  // The server hears of it in its own time; what comes next must not be disturbed by it.
  await sleep(1_000)
}
