import { createHash } from 'node:crypto'
import { defineFamily } from '@parley/kit'
import { z } from 'zod'
import { lease } from './domain/lease.ts'
import { person } from './domain/person.ts'

/** `person:<userId>`: `auth` has `user:`, and services may share a store. */
export const users = defineFamily({ prefix: 'person', mode: 'versioned', schema: person })

/** `node:<node>`. */
export const nodes = defineFamily({ prefix: 'node', mode: 'versioned', schema: lease })

/** `nodes:all`: which nodes there are, since a store is never scanned. Written before a node's lease. */
export const nodeIndex = defineFamily({
  prefix: 'nodes',
  mode: 'versioned',
  schema: z.object({ names: z.array(z.string()) }),
})

/**
 * `shard:<node>:<epoch>:<0…255>`: who has a device on a node, to find them when it dies. Written before the person's
 * document, so that whoever has a device there is listed. 50,000 devices on a node make 200 per document, 12 KB.
 */
export const shards = defineFamily({
  prefix: 'shard',
  mode: 'versioned',
  schema: z.object({
    sockets: z.record(z.string(), z.object({ userId: z.string(), counter: z.number().int() })),
  }),
})
export const shardCount = 256

/** `due:<0…63>`: who must be settled again, and when; what a timer in a process would forget when it dies. */
export const dues = defineFamily({
  prefix: 'due',
  mode: 'versioned',
  schema: z.object({
    /** Numbers the entries, so that one that was renewed while it was worked on is not taken for done. */
    ticket: z.number().int(),
    entries: z.record(z.string(), z.object({ at: z.number(), ticket: z.number().int() })),
  }),
})
export const dueCount = 64

/** Spreads users over documents: a constant of the data, never to be changed. */
export const spread = (userId: string, count: number): number =>
  createHash('sha1').update(userId).digest().readUInt32BE(0) % count
