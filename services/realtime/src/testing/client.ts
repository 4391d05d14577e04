import type { Entry } from '@parley/contracts'
import type { Socket } from 'socket.io-client'

/** A client that remembers all it hears, so that a test can wait for facts in any order. */
export class Client {
  readonly socket: Socket
  readonly heard: { name: string; payload: unknown }[] = []
  #wake: (() => void)[] = []

  constructor(socket: Socket) {
    this.socket = socket
    const hear = (name: string, payload: unknown) => {
      this.heard.push({ name, payload })
      this.#look()
    }
    socket.onAny(hear)
    socket.on('connect', () => this.#look())
    socket.on('disconnect', (reason) => hear('disconnect', reason))
    socket.on('connect_error', (error) =>
      hear('connect_error', (error as Error & { data?: unknown }).data ?? String(error)),
    )
  }

  #look(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }

  all = (name: string) => this.heard.filter((one) => one.name === name).map(({ payload }) => payload as never)

  async until(what: string, holds: () => boolean, ms = 5_000): Promise<void> {
    const end = Date.now() + ms
    while (!holds()) {
      const left = end - Date.now()
      if (left <= 0) throw new Error(`not within ${ms} ms: ${what}; heard ${JSON.stringify(this.heard)}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#wake.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  /** The payload of the n-th event of this name. */
  async next<T = Record<string, unknown>>(name: string, count = 1): Promise<T> {
    await this.until(`${count} × ${name}`, () => this.all(name).length >= count)
    return this.all(name)[count - 1] as T
  }

  seqs = () => this.all('entry').map((entry: Entry) => entry.seq)

  ask = (
    name: string,
    ...args: unknown[]
  ): Promise<{ ok: boolean; error?: { code: string } } & Record<string, unknown>> =>
    this.socket.timeout(8_000).emitWithAck(name, ...args)

  send = (conversationId: string, clientId: string, text = 'hello') =>
    this.ask('message:send', { conversationId, clientId, text })
}
