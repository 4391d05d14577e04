/** The pure cores: what the simulation drives together with `messages`. */
export { createBatcher } from './batches/batcher.ts'
export * from './batches/outcome.ts'
export * from './delivery/delivery.ts'
export { createAdditions } from './rooms/additions.ts'
export { recentChanges } from './rooms/recent-changes.ts'
