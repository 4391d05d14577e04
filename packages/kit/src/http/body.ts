import { limits } from '@parley/contracts'
import express, { type RequestHandler } from 'express'

/** What the sidecar may send in one request: daprd's own limit. */
export const internalBodyBytes = 4 * 1024 * 1024

/** Whatever its content type says: clients that forget it are told what is wrong with the body, not with the header. */
const jsonBody = (limit: number): RequestHandler => express.json({ limit, type: () => true })

export const publicBody = jsonBody(limits.requestBodyBytes)
export const internalBody = jsonBody(internalBodyBytes)
