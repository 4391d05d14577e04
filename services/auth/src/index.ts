export { type AuthDeps, createAuthApp } from './app.ts'
