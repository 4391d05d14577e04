import { after, before, describe } from 'node:test'
import { chatSuite } from './suites/chat.ts'
import { offlineSuite } from './suites/offline.ts'
import { refusedSuite, tabsSuite } from './suites/refused.ts'
import { scrollSuite } from './suites/scroll.ts'
import { signInSuite } from './suites/sign-in.ts'
import { statusSuite } from './suites/status.ts'
import { surfaceSuite } from './suites/surface.ts'
import { startWorld, type World, whyNoBrowser } from './world.ts'

const suites = [
  signInSuite,
  chatSuite,
  scrollSuite,
  surfaceSuite,
  refusedSuite,
  tabsSuite,
  statusSuite,
  // Last: it kills a service.
  offlineSuite,
]

describe('the web app in a real Chromium', { skip: whyNoBrowser }, () => {
  let started: World | undefined
  const world = (): World => {
    if (!started) throw new Error('The world has not started')
    return started
  }
  before(async () => {
    started = await startWorld()
  })
  after(() => started?.end())

  for (const suite of suites) suite(world)
})
