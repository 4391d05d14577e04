import type { z } from 'zod'
import type { ErrorCode } from './errors.ts'
import type { AppId } from './events.ts'

/**
 * One HTTP route: the key that server and client share. It gives the types, the validators and the document.
 * `access`: `public` needs no token; `user` needs a valid access token; a list of app ids makes it internal: only
 * these apps reach it, over service invocation, and the gateway never routes to it.
 */
export interface RouteContract<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Answers extends Readonly<Record<number, z.ZodType | null>> = Readonly<Record<number, z.ZodType | null>>,
> {
  readonly id: string
  readonly app: AppId
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Express path, such as `/api/conversations/:conversationId`. */
  readonly path: string
  readonly access: 'public' | 'user' | readonly AppId[]
  readonly summary: string
  readonly params?: Params
  readonly query?: Query
  readonly body?: Body
  /** Status → body; null where there is no body. */
  readonly answers: Answers
  readonly errors: readonly ErrorCode[]
}

export function defineRoute<
  Params extends z.ZodType = z.ZodType<Record<string, never>>,
  Query extends z.ZodType = z.ZodType<Record<string, never>>,
  Body extends z.ZodType = z.ZodType<undefined>,
  const Answers extends Readonly<Record<number, z.ZodType | null>> = Readonly<
    Record<number, z.ZodType | null>
  >,
>(route: RouteContract<Params, Query, Body, Answers>): RouteContract<Params, Query, Body, Answers> {
  return route
}

export type ParamsOf<R> = R extends RouteContract<infer P, z.ZodType, z.ZodType> ? z.output<P> : never
export type QueryOf<R> = R extends RouteContract<z.ZodType, infer Q, z.ZodType> ? z.output<Q> : never
export type BodyOf<R> = R extends RouteContract<z.ZodType, z.ZodType, infer B> ? z.output<B> : never
/** What a caller passes: before defaults and coercion. */
export type ParamsInputOf<R> = R extends RouteContract<infer P, z.ZodType, z.ZodType> ? z.input<P> : never
export type QueryInputOf<R> = R extends RouteContract<z.ZodType, infer Q, z.ZodType> ? z.input<Q> : never
export type BodyInputOf<R> = R extends RouteContract<z.ZodType, z.ZodType, infer B> ? z.input<B> : never

/** `{status, body}` for each answer of the route. */
export type AnswerOf<R> =
  R extends RouteContract<z.ZodType, z.ZodType, z.ZodType, infer A>
    ? {
        [S in keyof A & number]: A[S] extends z.ZodType
          ? { status: S; body: z.output<A[S]> }
          : { status: S; body?: undefined }
      }[keyof A & number]
    : never
/** The body of whichever answer comes. */
export type AnswerBodyOf<R> =
  AnswerOf<R> extends infer A ? (A extends { body: infer B } ? B : undefined) : never
