export { createPresenceApp, type PresenceApp, type PresenceDeps } from './app.ts'
