export * from './daprd.ts'
export * from './document-store-contract.ts'
export * from './manual-clock.ts'
export * from './ports.ts'
