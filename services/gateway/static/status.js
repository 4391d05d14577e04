// Asks each service through the gateway, again and again while somebody looks. Everything that comes is shown as text.

/**
 * @typedef {{ version: string, ready: boolean, checks: Record<string, string>, startedAt: string,
 *   sidecar?: { version: string, components: { name: string, type: string, version: string }[] },
 *   lag: Record<string, { events: number, worstMs: number }> }} Status
 * @typedef {{ app: string, status?: Status, missing?: string }} Found
 */

const gateway = 'gateway'
const behind = ['auth', 'realtime', 'messages', 'presence', 'notifications']
const everyMs = 5_000
/** The gateway asks a service that is away up to three times, and its sidecar 3 s each time. */
const withinMs = 15_000

/** @param {string} app @returns {Promise<Found>} */
async function ask(app) {
  try {
    const answer = await fetch(`/api/status/${app}`, { signal: AbortSignal.timeout(withinMs) })
    if (answer.status === 502 || answer.status === 503) return { app, missing: 'no answer' }
    const status = await answer.json()
    // One of another release tells something else.
    const isStatus = answer.ok && status.app === app && (app === gateway || (status.checks && status.lag))
    return isStatus ? { app, status } : { app, missing: `tells no status (${answer.status})` }
  } catch {
    return { app, missing: 'no answer' }
  }
}

/**
 * @param {string} name
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
function element(name, attributes, ...children) {
  const made = document.createElement(name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value)
  made.append(...children)
  return made
}

const quiet = (/** @type {string[]} */ ...lines) =>
  lines.map((line) => element('p', { class: 'quiet' }, line))
const mark = (/** @type {boolean} */ isGood, /** @type {string} */ text) =>
  element('p', { class: 'state', 'data-state': isGood ? 'ready' : 'bad' }, text)

/** @param {Found} found */
const isGood = ({ app, status }) =>
  status !== undefined && (app === gateway || (status.ready && !!status.sidecar))

/** @param {Found} found */
function stateOf({ app, status, missing }) {
  if (!status) return missing === undefined ? quiet('asked …') : [mark(false, missing)]
  if (app === gateway) return [mark(true, 'ready')]
  const wrong = Object.entries(status.checks).filter(([, said]) => said !== 'ok')
  return [
    mark(status.ready, status.ready ? 'ready' : 'not ready'),
    ...quiet(...wrong.map(([name, said]) => `${name}: ${said}`)),
    ...quiet(`since ${new Date(status.startedAt).toLocaleString()}`),
  ]
}

/** @param {Found} found */
function sidecarOf({ app, status }) {
  if (!status || app === gateway) return []
  if (!status.sidecar) return [mark(false, 'does not tell its components')]
  const { version, components } = status.sidecar
  return [
    element('p', {}, `Dapr ${version}`),
    ...quiet(...components.map((one) => `${one.name}: ${one.type} ${one.version}`)),
  ]
}

/** @param {Found} found */
function lagOf({ app, status }) {
  if (!status || app === gateway) return []
  const lines = Object.entries(status.lag).map(
    ([topic, { events, worstMs }]) =>
      `${topic}: ${worstMs} ms (${events} ${events === 1 ? 'event' : 'events'})`,
  )
  return quiet(...(lines.length > 0 ? lines : ['none']))
}

const columns = {
  State: stateOf,
  'Sidecar and components': sidecarOf,
  'Longest delay of an event': lagOf,
}

/** @param {Found} found */
function rowOf(found) {
  const { app, status } = found
  const name = element(
    'th',
    { scope: 'row', role: 'rowheader' },
    app,
    ...quiet(...(status ? [status.version] : [])),
  )
  const cells = Object.entries(columns).map(([label, tell]) =>
    element('td', { role: 'cell', 'data-label': label }, ...tell(found)),
  )
  return element('tr', { role: 'row', 'data-app': app }, name, ...cells)
}

/** @param {string} id */
function part(id) {
  const found = document.getElementById(id)
  if (!found) throw new Error(`there is no ${id} in the page`)
  return found
}

/** @param {Found} found */
function show(found) {
  const rows = part('services')
  const row = rowOf(found)
  const former = rows.querySelector(`[data-app="${found.app}"]`)
  if (former) former.replaceWith(row)
  else rows.append(row)
}

/** @param {Found[]} all */
function sum(all) {
  const bad = all.filter((found) => !isGood(found)).map(({ app }) => app)
  const nobody = all.every(({ app, status }) => app === gateway || !status)
  const text = nobody
    ? 'Nobody behind the gateway answers'
    : bad.length > 0
      ? `Not ready: ${bad.join(', ')}`
      : 'Everything is ready'
  const summary = part('summary')
  summary.dataset.state = bad.length === 0 ? 'ready' : 'bad'
  // Set only when it changes: a screen reader says it each time.
  if (summary.textContent !== text) summary.textContent = text
  part('when').textContent = `as of ${new Date().toLocaleTimeString()}`
}

async function look() {
  try {
    if (document.hidden) return
    const all = [gateway, ...behind].map(async (app) => {
      const found = await ask(app)
      show(found)
      return found
    })
    sum(await Promise.all(all))
  } finally {
    setTimeout(look, document.hidden ? 500 : everyMs)
  }
}

for (const app of [gateway, ...behind]) show({ app })
look()
