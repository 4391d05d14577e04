import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AppId } from '@parley/contracts'
import { z } from 'zod'
import type { RealSystem } from '../dapr/start.ts'

/** Calls a sidecar (`v1.0/…`), as the operator of this machine can. */
export type Ask = (app: AppId, path: string, body?: unknown) => Promise<unknown>

export async function operatorOf({ parley }: RealSystem): Promise<Ask> {
  const { urls } = await parley.state()
  const secrets = z
    .record(z.string(), z.string())
    .parse(JSON.parse(await readFile(join(parley.directory, '.data/secrets.json'), 'utf8')))
  return async (app, path, body) => {
    const answer = await fetch(`${urls.sidecars[app]}/v1.0/${path}`, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { 'content-type': 'application/json', 'dapr-api-token': secrets['dapr-api-token'] ?? '' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    assert.ok(answer.ok, `${path}: ${answer.status} ${text}`)
    return text === '' ? undefined : JSON.parse(text)
  }
}
