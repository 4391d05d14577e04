// npm run k8s:secrets: the Secrets of the namespace parley, as manifests for `kubectl apply -f -`.
import { join, resolve } from 'node:path'
import { json, readChoices } from './lib/deployment-secrets.mjs'
import { secretManifests } from './lib/kubernetes/secrets.mjs'
import { readArguments } from './lib/options.mjs'
import { root } from './lib/root.mjs'
import { exitWith, say } from './lib/terminal.mjs'

const usage = `npm run k8s:secrets [-- --directory d]    prints manifests: npm run --silent k8s:secrets | kubectl apply -f -
  --directory    where choices.json is kept (the default: .data/kubernetes)

Passwords and tokens, once made, are kept. A server of your own: add its address to choices.json there, such as
"rabbitmq-url": "amqps://user:password@host/", and run this again.`

try {
  const { directory } = readArguments(usage, { directory: { type: 'string' } }).values
  const choices = readChoices(directory === undefined ? join(root, '.data/kubernetes') : resolve(directory))
  say(json({ apiVersion: 'v1', kind: 'List', items: secretManifests(choices) }))
} catch (error) {
  exitWith(error)
}
