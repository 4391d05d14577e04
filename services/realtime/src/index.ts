/** The pure cores: what the simulation drives together with `messages`. */
export * from './batches/batcher.ts'
export * from './delivery/delivery.ts'
