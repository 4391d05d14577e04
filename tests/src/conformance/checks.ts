/** What every broker, every set of stores and every number of replicas has to pass. */
import { comingAndGoing, loggingIn, pushing, sending } from './flows.ts'
import { exactlyOnce, inOrder, resync } from './messages.ts'
import { brokerRestart, idleReconnect, serviceRestart, storeRestart } from './outages.ts'
import { poison } from './poison.ts'
import type { Subject } from './subject.ts'

export interface Check {
  readonly name: string
  readonly means: string
  run(subject: Subject): Promise<void>
}

/** In this order: what sets dead letters aside comes before what might. */
export const checks: readonly Check[] = [
  {
    name: 'four flows',
    means:
      'log in and connect; send, store, deliver; online and offline; a push to who is away, and to nobody else',
    async run({ system }) {
      for (const flow of [loggingIn, sending, comingAndGoing, pushing]) await flow(system)
    },
  },
  {
    name: 'exactly once',
    means:
      'the same client ids from two devices at once, and again: each message is stored and delivered once',
    run: ({ system }) => exactlyOnce(system),
  },
  {
    name: 'order',
    means: 'two people write 100 messages each at once: seqs without a hole, and everybody has them in order',
    run: ({ system }) => inOrder(system),
  },
  {
    name: 'resync',
    means: 'who was away gets what was missed and what is said now, each once, in order',
    run: ({ system }) => resync(system),
  },
  {
    name: 'dead letters',
    means: 'an event that no subscriber can read is set aside with its reason, and holds up nobody',
    run: poison,
  },
  {
    name: 'broker restart',
    means: 'the broker is killed for 3 s while four people write in two rooms',
    run: brokerRestart,
  },
  {
    name: 'store restart',
    means: 'each server of the stores is killed for 3 s in the same way, one after the other',
    run: storeRestart,
  },
  {
    name: 'service restart',
    means:
      'one after the other is killed in the same way: messages, realtime, auth with presence, the sidecar of messages, that of realtime, those of notifications and the gateway; with two replicas, one of the two',
    run: serviceRestart,
  },
  {
    name: 'idle reconnect',
    means:
      'after 15 s of silence the broker restarts and a client is cut off: the next message is stored and reaches everybody',
    run: idleReconnect,
  },
]
