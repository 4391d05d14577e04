// Asks each service through the gateway, again and again while somebody looks. Everything that comes is shown as text.

/**
 * @typedef {{ version: string, ready: boolean, checks: Record<string, string>, startedAt: string,
 *   sidecar?: { version: string, components: { name: string, type: string, version: string }[] },
 *   lag: Record<string, { events: number, worstMs: number }> }} Status
 * @typedef {{ app: string, status?: Status, missing?: string }} Found
 */

const behind = ['auth', 'realtime', 'messages', 'presence', 'notifications']
const everyMs = 5_000
const withinMs = 8_000

/** @param {string} app @returns {Promise<Found>} */
async function ask(app) {
  try {
    const answer = await fetch(`/api/status/${app}`, { signal: AbortSignal.timeout(withinMs) })
    const body = await answer.json()
    return answer.ok ? { app, status: body } : { app, missing: body.detail ?? body.title }
  } catch {
    return { app, missing: 'No answer.' }
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} name
 * @param {{ class?: string, state?: string, scope?: string }} attributes
 * @param {...(Node | string)} children
 */
function element(name, attributes, ...children) {
  const made = document.createElement(name)
  if (attributes.class) made.className = attributes.class
  if (attributes.state) made.dataset.state = attributes.state
  if (attributes.scope) made.setAttribute('scope', attributes.scope)
  made.append(...children)
  return made
}

/** @param {string[]} lines */
const quiet = (lines) => lines.map((line) => element('p', { class: 'quiet' }, line))

/** @param {Found} found */
function stateOf({ status, missing }) {
  if (!status) return [element('p', { class: 'state', state: 'bad' }, 'not there'), ...quiet([missing ?? ''])]
  const wrong = Object.entries(status.checks).filter(([, said]) => said !== 'ok')
  return [
    element(
      'p',
      { class: 'state', state: status.ready ? 'ready' : 'bad' },
      status.ready ? 'ready' : 'not ready',
    ),
    ...quiet(wrong.map(([name, said]) => `${name}: ${said}`)),
    ...quiet([`since ${new Date(status.startedAt).toLocaleString()}`]),
  ]
}

/** @param {Status} status */
function sidecarOf({ sidecar }) {
  if (!sidecar) return [element('p', { class: 'state', state: 'bad' }, 'the sidecar does not answer')]
  return [
    element('p', {}, `Dapr ${sidecar.version}`),
    ...quiet(sidecar.components.map(({ name, type, version }) => `${name}: ${type} ${version}`)),
  ]
}

/** @param {Status} status */
function lagOf({ lag }) {
  const lines = Object.entries(lag).map(
    ([topic, { events, worstMs }]) =>
      `${topic}: ${worstMs} ms (${events} ${events === 1 ? 'event' : 'events'})`,
  )
  return quiet(lines.length > 0 ? lines : ['no events'])
}

/** @param {Found} found */
function rowOf(found) {
  const { app, status } = found
  const name = element('th', { scope: 'row' }, app, ...quiet(status ? [status.version] : []))
  const cells = [stateOf(found), status ? sidecarOf(status) : [], status ? lagOf(status) : []]
  return element('tr', {}, name, ...cells.map((cell) => element('td', {}, ...cell)))
}

/** @param {Found} found @param {boolean} carries */
function rowOfGateway({ status, missing }, carries) {
  const state = status
    ? [element('p', { class: 'state', state: 'ready' }, 'ready')]
    : [element('p', { class: 'state', state: 'bad' }, 'not there'), ...quiet([missing ?? ''])]
  const sidecar = carries ? 'brings the answers below' : 'brings no answer of anybody'
  return element(
    'tr',
    {},
    element('th', { scope: 'row' }, 'gateway', ...quiet(status ? [status.version] : [])),
    element('td', {}, ...state),
    element('td', {}, element('p', { class: 'state', state: carries ? 'ready' : 'bad' }, sidecar)),
    element('td', {}),
  )
}

/** @param {string} id */
function part(id) {
  const found = document.getElementById(id)
  if (!found) throw new Error(`there is no ${id} in the page`)
  return found
}

/** @param {Found} gateway @param {Found[]} services */
function show(gateway, services) {
  const carries = services.some(({ status }) => status)
  const bad = [gateway, ...services].filter(
    ({ app, status }) => !status || (app !== 'gateway' && !status.ready),
  )
  const summary = part('summary')
  summary.dataset.state = bad.length === 0 ? 'ready' : 'bad'
  const text = bad.length === 0 ? 'Everything is ready' : `Not ready: ${bad.map(({ app }) => app).join(', ')}`
  // Set only when it changes: a screen reader says it each time.
  if (summary.textContent !== text) summary.textContent = text
  part('when').textContent = `as of ${new Date().toLocaleTimeString()}`
  part('services').replaceChildren(rowOfGateway(gateway, carries), ...services.map(rowOf))
}

async function look() {
  if (!document.hidden) {
    const [gateway, ...services] = await Promise.all([ask('gateway'), ...behind.map(ask)])
    if (gateway) show(gateway, services)
  }
  setTimeout(look, everyMs)
}

look()
