// How much of everything: the whole, and a short mode that shows whether the benchmark works and what is far off.

export const whole = {
  people: 500,
  idle: { connections: 1_000 },
  warm: { rooms: 64, perSecond: 300, seconds: 20, warmUpSeconds: 0 },
  steady: { rooms: 20, perSecond: 100, seconds: 20, warmUpSeconds: 3 },
  capacity: { rooms: 64, from: 500, least: 30, most: 16_000, refinements: 3, seconds: 8, warmUpSeconds: 2 },
  large: { members: 500, perSecond: 10, seconds: 15, warmUpSeconds: 2 },
  history: { messages: 10_000, pages: 300, limit: 50 },
}

/** @typedef {typeof whole} Plan */

/** @type {Plan} */
export const quick = {
  people: 128,
  idle: { connections: 200 },
  warm: { rooms: 64, perSecond: 300, seconds: 5, warmUpSeconds: 0 },
  steady: { rooms: 20, perSecond: 100, seconds: 5, warmUpSeconds: 1 },
  capacity: { rooms: 64, from: 500, least: 30, most: 4_000, refinements: 1, seconds: 3, warmUpSeconds: 1 },
  large: { members: 100, perSecond: 10, seconds: 5, warmUpSeconds: 1 },
  history: { messages: 2_000, pages: 60, limit: 50 },
}

/** What the conformance run has time for, once per combination: only `steady` and `capacity`. */
export const brief = {
  people: 64,
  steady: { rooms: 20, perSecond: 100, seconds: 10, warmUpSeconds: 3 },
  capacity: { rooms: 32, from: 500, least: 30, most: 8_000, refinements: 1, seconds: 3, warmUpSeconds: 1 },
}
