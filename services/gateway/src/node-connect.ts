import { Agent } from 'node:http'
import { connect, type Socket } from 'node:net'
import type { Writable } from 'node:stream'

function connectTo(address: string, timeoutMs: number): Promise<Socket> {
  const { hostname, port } = new URL(`http://${address}`)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) })
    const timer = setTimeout(() => socket.destroy(new Error(`${address} does not answer`)), timeoutMs)
    // Stays: an error may come before the request takes the socket over.
    socket.on('error', reject)
    socket.once('close', () => clearTimeout(timer))
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
  })
}

/**
 * An agent with a connection to the first of the nodes that takes one, for a response or for a socket that asked to be
 * upgraded. Rejects where none does.
 * Not kept alive: a node ends an idle connection after 5 s, maybe in the moment in which it is used again.
 */
export async function connectToOne(
  nodes: readonly string[],
  timeoutMs: number,
  owner: Writable,
): Promise<Agent> {
  let last: unknown
  for (const node of nodes) {
    try {
      const socket = await connectTo(node, timeoutMs)
      const endUnused = () => socket.bytesWritten === 0 && socket.destroy()
      if (owner.destroyed) endUnused()
      else owner.once('close', endUnused)
      const agent = new Agent()
      agent.createConnection = () => socket
      return agent
    } catch (error) {
      last = error
    }
  }
  throw last
}
