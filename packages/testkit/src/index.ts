export * from './daprd.ts'
export * from './document-store-contract.ts'
export * from './fake-clock.ts'
export * from './ports.ts'
