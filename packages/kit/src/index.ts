export * from './clock.ts'
export * from './config.ts'
export * from './dapr-document-store.ts'
export type { DirectStore, DirectStoreOptions, DirectTimeouts } from './direct-store.ts'
export * from './document-store.ts'
export { documentsOver } from './documents-over.ts'
export { contentOf, ttlMs } from './envelope.ts'
export * from './errors.ts'
export type { Caller } from './http/access.ts'
export { createHttpApp, type HttpApp, type HttpAppOptions } from './http/app.ts'
export { type HandlerRequest, handle } from './http/handle.ts'
export {
  type CloudEvent,
  type EventContext,
  eventPath,
  type Outcome,
  type Reject,
  reject,
  subscribe,
} from './http/subscribe.ts'
export * from './ids.ts'
export * from './lifecycle.ts'
export * from './logger.ts'
export * from './memory-document-store.ts'
export { createMetrics, type Metrics } from './metrics/metrics.ts'
export { serveMetrics } from './metrics/serve.ts'
export { watchedStore } from './metrics/watched-store.ts'
export type * from './raw-store.ts'
export * from './select-document-store.ts'
export { type SidecarTimeouts, sidecarTimeouts } from './sidecar/daprd.ts'
export type { Invoke, InvokeInput, InvokeOptions } from './sidecar/invoke.ts'
export * from './sidecar/sidecar.ts'
export type * from './sidecar/state.ts'
export * from './store-check.ts'
export * from './token.ts'
export * from './trace.ts'
export * from './updater.ts'
