import { lookup } from 'node:dns/promises'
import https from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Clock } from '@parley/kit'
import { type Attempt, parseRetryAfter } from './domain/attempt.ts'
import { type EndpointRules, isPublicAddress, refuseEndpoint } from './domain/endpoint.ts'

/** One request to a push service, encrypted and signed. */
export interface PushRequest {
  readonly endpoint: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}
export type Transport = ((request: PushRequest) => Promise<Attempt>) & { close(): void }

export interface Address {
  readonly address: string
  readonly family: number
}

export interface TransportOptions extends EndpointRules {
  readonly clock: Clock
  /** Other authorities than those of Node. */
  readonly ca?: string | undefined
  readonly resolve?: (hostname: string) => Promise<Address[]>
  readonly timeoutMs?: number
}

/** Shorter than the 10 s in which a service that is stopped has to finish what it has begun. */
const usualTimeoutMs = 8_000
/** Nobody needs more of an answer than its status; a longer one is cut off. */
const maxAnswerBytes = 16 * 1024

class AddressRefused extends Error {}

/**
 * HTTPS to addresses that other people chose. The name is resolved once, by us, and the connection goes to exactly the
 * addresses that were checked: a name that answers differently the next time gains nothing. Redirects are not followed
 * (`https.request` never does), a proxy of the environment is not used, time and size are bounded.
 */
export function createTransport(options: TransportOptions): Transport {
  const { clock, timeoutMs = usualTimeoutMs, resolve = resolveAll } = options
  const agent = new https.Agent({
    keepAlive: true,
    maxSockets: 32,
    maxFreeSockets: 8,
    lookup: publicLookup(resolve, options),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  })

  const send = (request: PushRequest): Promise<Attempt> => {
    // Node asks no resolver for a host that is an address, so the check of the looks is needed here as well.
    const refusal = refuseEndpoint(request.endpoint, options)
    if (refusal !== undefined) return Promise.resolve({ kind: 'refused', reason: `the endpoint ${refusal}` })
    return new Promise((done) => {
      // Said by the status: what happens to the rest of the answer changes nothing.
      let answered: Attempt | undefined
      const outgoing = https.request(
        request.endpoint,
        {
          method: 'POST',
          agent,
          headers: { ...request.headers, 'content-length': request.body.length },
          signal: AbortSignal.timeout(timeoutMs),
        },
        (answer) => {
          const { statusCode: status = 0, headers } = answer
          const retryAfterMs = parseRetryAfter(headers['retry-after'], clock.now())
          const attempt: Attempt = { kind: 'answered', status, retryAfterMs }
          answered = attempt
          let size = 0
          answer.on('data', (chunk: Buffer) => {
            size += chunk.length
            if (size > maxAnswerBytes) answer.destroy()
          })
          answer.on('error', () => undefined)
          answer.on('close', () => done(attempt))
        },
      )
      outgoing.on('error', (error) => done(answered ?? failureOf(error)))
      outgoing.end(request.body)
    })
  }
  return Object.assign(send, { close: () => agent.destroy() })
}

/** Lets through only the public ones of a name's addresses. */
function publicLookup(
  resolve: (hostname: string) => Promise<Address[]>,
  rules: EndpointRules,
): LookupFunction {
  return (hostname, { all }, callback) => {
    resolve(hostname).then(
      (addresses) => {
        const allowed = addresses.filter(({ address }) => isPublicAddress(address, rules))
        const [first] = allowed
        if (first === undefined)
          callback(new AddressRefused('the endpoint does not lead to a public address'), '')
        else if (all) callback(null, allowed)
        else callback(null, first.address, first.family)
      },
      (error) => callback(error, ''),
    )
  }
}

const resolveAll = (hostname: string): Promise<Address[]> => lookup(hostname, { all: true })

function failureOf(error: Error): Attempt {
  if (error instanceof AddressRefused) return { kind: 'refused', reason: error.message }
  const late = error.name === 'TimeoutError' || error.name === 'AbortError'
  const reason = late ? 'no answer in time' : ((error as NodeJS.ErrnoException).code ?? error.message)
  return { kind: 'failed', reason }
}
