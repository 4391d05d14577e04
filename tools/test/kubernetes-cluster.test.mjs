// Parley on its Kubernetes manifests, as far as that goes without containers: docs/kubernetes.md says what is not shown.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { access } from './kubernetes/access.mjs'
import { flows } from './kubernetes/flows.mjs'
import { manifests } from './kubernetes/manifests.mjs'
import { whyNotOnKubernetes } from './kubernetes/needs.mjs'
import { sidecars } from './kubernetes/sidecars.mjs'
import { apps } from './kubernetes/system.mjs'
import { createWorld } from './kubernetes/world.mjs'

describe('on Kubernetes', { skip: whyNotOnKubernetes() }, () => {
  const world = createWorld()
  before(world.open)
  after(world.close)
  manifests(world)
  sidecars(world)
  flows(world)
  access(world)

  // The API server takes a Resiliency with a duration that is none, say; the sidecar only tells its log.
  test('no sidecar and no service had an error to tell', () => {
    for (const app of apps) {
      const { sidecarLog, serviceLog } = world.podOf(app)
      for (const log of [sidecarLog, serviceLog]) {
        const lines = readFileSync(log, 'utf8').split('\n')
        assert.deepEqual(
          lines.filter((line) => /"level":"(error|fatal)"/.test(line)),
          [],
          log,
        )
      }
    }
  })
})
