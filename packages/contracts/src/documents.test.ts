import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { asyncApiDocument } from './asyncapi.ts'
import { errorCatalogue, events, handshakeErrors, routes } from './index.ts'
import { openApiDocument } from './openapi.ts'
import { errorsOf } from './openapi-errors.ts'

const require = createRequire(import.meta.url)

/** As it is written: what JSON leaves out is not there. */
const written = (document: unknown) => JSON.parse(JSON.stringify(document)) as Record<string, unknown>

function refsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    key === '$ref' && typeof inner === 'string' ? [inner] : refsOf(inner),
  )
}

function resolve(document: unknown, ref: string): unknown {
  return ref
    .replace(/^#\//, '')
    .split('/')
    .reduce<unknown>((node, key) => (node as Record<string, unknown> | undefined)?.[key], document)
}

for (const [name, document] of [
  ['openapi', written(openApiDocument())],
  ['asyncapi', written(asyncApiDocument())],
] as const) {
  test(`docs/${name}.json is what the contracts say (if not: npm run docs)`, async () => {
    const file = await readFile(new URL(`../../../docs/${name}.json`, import.meta.url), 'utf8')
    assert.deepEqual(JSON.parse(file), document)
  })

  test(`every reference in docs/${name}.json leads somewhere`, () => {
    const refs = new Set(refsOf(document))
    assert.ok(refs.size > 10)
    for (const ref of refs) assert.notEqual(resolve(document, ref), undefined, ref)
  })
}

test('docs/openapi.json is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(written(openApiDocument()))
  assert.deepEqual(result, { valid: true })
})

test('docs/asyncapi.json is valid AsyncAPI 3', () => {
  /** The official schema brings draft-07 itself: `meta: false` keeps ajv from adding it a second time. */
  const ajv = new Ajv({ strict: false, allErrors: true, meta: false, validateSchema: false })
  addFormats.default(ajv)
  const validate = ajv.compile(require('@asyncapi/specs/schemas/3.0.0.json'))
  validate(written(asyncApiDocument()))
  assert.deepEqual(validate.errors, null)
})

/** What the gateway answers at places of its own. */
const ofGateway = ['getHealth', 'getReadiness', 'getStatus', 'getOpenApi', 'getAsyncApi', 'getDocs']

test('the OpenAPI document has every public route and no internal one', () => {
  const { paths } = openApiDocument() as { paths: Record<string, Record<string, { operationId: string }>> }
  const documented = Object.values(paths).flatMap((path) => Object.values(path).map((it) => it.operationId))
  const offered = routes.filter((route) => !Array.isArray(route.access)).map((route) => route.id)
  assert.deepEqual(documented.toSorted(), [...offered, ...ofGateway].toSorted())
  assert.deepEqual(
    Object.keys(paths).filter((path) => path.startsWith('/internal')),
    [],
  )
})

test('the OpenAPI document answers every error of a route with its problem', () => {
  const { paths, components } = openApiDocument() as {
    paths: Record<string, Record<string, { responses: Record<string, unknown> }>>
    components: { examples: Record<string, { value: { status: number } }> }
  }
  for (const [code, { status }] of Object.entries(errorCatalogue))
    assert.equal(components.examples[code]?.value.status, status)
  for (const route of routes.filter((it) => !Array.isArray(it.access))) {
    const operation = paths[route.path.replace(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]
    const documented = refsOf(operation?.responses)
    for (const code of route.errors)
      assert.ok(documented.includes(`#/components/examples/${code}`), `${route.id}: ${code}`)
  }
})

test('the OpenAPI document lists every error once, with its status and whether a retry makes sense', () => {
  const { info } = openApiDocument() as { info: { description: string } }
  const rows = info.description.split('\n').filter((line) => line.startsWith('| `'))
  assert.deepEqual(
    rows.toSorted(),
    Object.entries(errorCatalogue)
      .map(
        ([code, { status, retry, title }]) =>
          `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} | ${title} |`,
      )
      .toSorted(),
  )
})

test('every error is answered by a route, by the gateway, or by the socket', () => {
  const answered = new Set<string>([...routes.flatMap(errorsOf), ...handshakeErrors])
  /** Of requests that reach no route. */
  const elsewhere = ['route_not_found', 'method_not_allowed', 'request_malformed']
  const silent = Object.keys(errorCatalogue).filter(
    (code) => !answered.has(code) && !elsewhere.includes(code),
  )
  assert.deepEqual(silent, [])
})

test('the AsyncAPI document has every topic as a channel', () => {
  const { channels } = asyncApiDocument() as { channels: Record<string, { address: string }> }
  for (const event of events) assert.equal(channels[event.topic]?.address, event.topic)
})
