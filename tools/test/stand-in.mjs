// A small app with the doors that a service has, for tests of what starts services: it keeps the events that it hears in
// a file, so that a test sees them also after it was killed.
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'

const {
  APP_PORT,
  GATEWAY_PORT,
  DAPR_HTTP_PORT,
  DAPR_API_TOKEN = '',
  APP_API_TOKEN,
  HEARD = '',
  FAIL_AT_START,
} = process.env
if (FAIL_AT_START) {
  console.error(`ConfigError: ${FAIL_AT_START}`)
  process.exit(1)
}

const note = (/** @type {string} */ text) => HEARD && appendFileSync(HEARD, `${text}\n`)
const sidecarIsReady = async () => {
  const answer = await fetch(`http://127.0.0.1:${DAPR_HTTP_PORT}/v1.0/healthz/outbound`, {
    headers: { 'dapr-api-token': DAPR_API_TOKEN },
  }).catch(() => undefined)
  return answer?.ok === true
}
const server = createServer(async (request, response) => {
  const url = request.url ?? ''
  let body = ''
  for await (const chunk of request) body += chunk
  const answer = (/** @type {number} */ status, /** @type {unknown} */ value) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  if (url === '/healthz') return answer(200, {})
  if (url === '/readyz') {
    const ready = await sidecarIsReady()
    return answer(ready ? 200 : 503, { ready, checks: { sidecar: ready ? 'ok' : 'does not answer' } })
  }
  if (APP_API_TOKEN && request.headers['dapr-api-token'] !== APP_API_TOKEN)
    return answer(401, { error: 'token' })
  if (url.startsWith('/events/')) {
    const { data } = JSON.parse(body)
    const known = data.kind === 'poison' ? 'DROP' : 'SUCCESS'
    note(`${url.slice('/events/'.length)} ${data.text}`)
    return answer(200, { status: known })
  }
  if (url === '/hello') return answer(200, { hello: request.headers['dapr-caller-app-id'] ?? 'somebody' })
  return answer(404, {})
})
server.listen(Number(APP_PORT ?? GATEWAY_PORT), '127.0.0.1')

process.on('SIGTERM', async () => {
  // A service writes through its sidecar what it still holds: the sidecar must still be there.
  note((await sidecarIsReady()) ? 'drained' : 'drained without a sidecar')
  process.exit(0)
})
