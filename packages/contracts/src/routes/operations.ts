import { z } from 'zod'
import type { AppId } from '../events.ts'
import { defineRoute } from '../route.ts'

/** What `/readyz` of one service answers. `checks`: name → `ok` or what is wrong. */
export const readiness = z.object({
  ready: z.boolean(),
  app: z.string(),
  version: z.string(),
  checks: z.record(z.string(), z.string()),
})
export type Readiness = z.infer<typeof readiness>

/** `/readyz` of one app, asked over service invocation. Every app has it, and it needs no token. */
export const readinessOf = (app: AppId) =>
  defineRoute({
    id: `${app}Readiness`,
    app,
    method: 'GET',
    path: '/readyz',
    access: 'public',
    summary: `Whether ${app} is ready.`,
    answers: { 200: readiness, 503: readiness },
    errors: [],
  })

/** Answered by `auth`, asked through the gateway as `/readyz`: every service by name. 503 where one is not ready. */
export const systemReadiness = z.object({ ready: z.boolean(), services: z.record(z.string(), readiness) })
export const getSystemReadiness = defineRoute({
  id: 'getSystemReadiness',
  app: 'auth',
  method: 'GET',
  path: '/internal/system-readiness',
  access: ['gateway'],
  summary: 'Whether every service behind the gateway is ready, by name.',
  answers: { 200: systemReadiness, 503: systemReadiness },
  errors: [],
})

export const sidecarStatus = z.object({
  version: z.string(),
  components: z.array(z.object({ name: z.string(), type: z.string(), version: z.string() })),
})
export type SidecarStatus = z.infer<typeof sidecarStatus>

/** Of the last minute or two: how many events came, and the longest time from what one tells until it is handed on, in ms. */
export const topicLag = z.object({ events: z.number().int(), worstMs: z.number().int() })

/** What one replica tells the status page about itself. No `sidecar`: it did not tell. `lag`: by topic, of those that say when. */
export const serviceStatus = readiness.extend({
  startedAt: z.string(),
  sidecar: sidecarStatus.optional(),
  lag: z.record(z.string(), topicLag),
})
export type ServiceStatus = z.infer<typeof serviceStatus>

/** Every app has it; the gateway has it at `/api/status/<app>`, where its status page is on. */
export const statusOf = (app: AppId) =>
  defineRoute({
    id: `${app}Status`,
    app,
    method: 'GET',
    path: '/internal/status',
    access: ['gateway'],
    summary: `What ${app} tells the status page.`,
    answers: { 200: serviceStatus },
    errors: [],
  })

export const deadLetter = z.object({
  id: z.string(),
  app: z.string(),
  topic: z.string(),
  reason: z.string(),
  receivedAt: z.string(),
  replayedAt: z.string().optional(),
  event: z.unknown(),
})
export type DeadLetter = z.infer<typeof deadLetter>

/** For operators, over the sidecar of `messages` only; the gateway never routes here. */
export const listDeadLetters = defineRoute({
  id: 'listDeadLetters',
  app: 'messages',
  method: 'GET',
  path: '/internal/dead-letters',
  access: ['messages'],
  summary: 'The events that a subscriber refused or could not handle in time.',
  answers: { 200: z.object({ items: z.array(deadLetter) }) },
  errors: ['unavailable'],
})
export const replayDeadLetters = defineRoute({
  id: 'replayDeadLetters',
  app: 'messages',
  method: 'POST',
  path: '/internal/dead-letters/replay',
  access: ['messages'],
  summary: 'Publish kept events to their topic again; all that were not replayed yet where no ids are given.',
  body: z.object({ ids: z.array(z.string()).optional() }),
  answers: { 200: z.object({ replayed: z.number().int() }) },
  errors: ['unavailable'],
})
