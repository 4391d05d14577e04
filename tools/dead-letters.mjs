// npm run dead-letters: the events that a subscriber refused or could not handle in time; `-- --replay [id…]` sends them
// again. It asks `messages` through its sidecar, as only the operator of this machine can: the gateway has no way there.
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { readRunState } from './lib/run-state.mjs'
import { bold, exitWith, SetupError, say } from './lib/terminal.mjs'

const usage = `npm run dead-letters [-- --replay [id…]]
  --replay [id…]        sends them again: all, or these
  --data <directory>    where .data/ is of the Parley that runs here`

try {
  const { values, positionals } = readArguments(
    usage,
    { replay: { type: 'boolean' }, data: { type: 'string' } },
    { positionals: true },
  )
  const ask = connect(join(resolve(values.data ?? root), '.data'))
  if (values.replay) {
    const { replayed } = await ask('POST', '/replay', positionals.length > 0 ? { ids: positionals } : {})
    say(`${replayed} ${replayed === 1 ? 'event was' : 'events were'} published again.`)
  } else {
    const { items } = await ask('GET', '')
    if (items.length === 0) say('There are no dead letters.')
    else show(items)
  }
} catch (error) {
  exitWith(error)
}

/** @param {string} dataDir */
function connect(dataDir) {
  const url = readRunState(dataDir)?.urls.sidecars.messages
  if (!url) throw new SetupError('Parley does not run here: start it with `npm start`, then ask again.')
  const path = join(dataDir, 'secrets.json')
  const secrets = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
  /**
   * @param {'GET' | 'POST'} method
   * @param {string} route
   * @param {unknown} [body]
   */
  return async (method, route, body) => {
    const answer = await fetch(`${url}/v1.0/invoke/messages/method/internal/dead-letters${route}`, {
      method,
      headers: { 'content-type': 'application/json', 'dapr-api-token': secrets['dapr-api-token'] ?? '' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }).catch(() => undefined)
    if (!answer?.ok) {
      const problem = await answer?.text().catch(() => '')
      throw new SetupError(
        `messages does not answer${answer ? ` (${answer.status} ${problem})` : ''}: is Parley still running?`,
      )
    }
    return /** @type {any} */ (await answer.json())
  }
}

/** @param {readonly { id: string, app: string, topic: string, reason: string, receivedAt: string, replayedAt?: string }[]} items */
function show(items) {
  const rows = items.map((item) => [
    item.id,
    item.receivedAt,
    item.app,
    item.topic,
    item.reason.replace(/\s+/g, ' '),
    item.replayedAt ? `sent again ${item.replayedAt}` : '',
  ])
  const head = ['id', 'received', 'refused by', 'topic', 'reason', '']
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => (row[column] ?? title).length)),
  )
  const line = (/** @type {readonly string[]} */ row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()
  say(bold(line(head)))
  for (const row of rows) say(line(row))
  say()
  say('Send them again: npm run dead-letters -- --replay [id…]')
}
