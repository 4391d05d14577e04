import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { appIds } from '@parley/contracts'
import type { Page } from 'playwright-core'
import { isAccessible, isNoWider } from '../accessible.ts'
import { type Person, signUp } from '../people.ts'
import { find, shows, write } from '../screen.ts'
import type { World } from '../world.ts'

const summary = (page: Page, text: RegExp) => page.getByRole('status').filter({ hasText: text }).waitFor()
const rowOf = (page: Page, app: string) => page.getByRole('row', { name: new RegExp(`^${app}\\b`) })

export function statusSuite(world: () => World): void {
  describe('the status page', () => {
    let ann: Person
    let bob: Person
    before(async () => {
      ann = await world().arrive('Ann')
      bob = await world().arrive('Bob', { viewport: { width: 390, height: 844 }, colorScheme: 'dark' })
      await signUp(ann)
      await signUp(bob)
      await find(ann.page, bob)
      await write(ann.page, 'hello')
      await shows(ann.page, ['hello'])
    })
    after(() => world().clear())

    it('shows every service with its sidecar, its components and how late its events came', async () => {
      for (const { page, line } of [ann, bob]) {
        await page.goto(`${line.url}/status`)
        await summary(page, /^Everything is ready$/)
        for (const app of appIds) assert.match((await rowOf(page, app).textContent()) ?? '', /ready/, app)
        const messages = (await rowOf(page, 'messages').textContent()) ?? ''
        assert.match(messages, /Dapr 1\.\d+\.\d+/)
        assert.match(messages, /messages-store: state\.postgresql v2/)
        assert.match(messages, /message\.submitted: \d+ ms \(\d+ events?\)/)
        await isAccessible(page, 'the status page')
        await isNoWider(page)
      }
    })

    it('says who is not there', async () => {
      const { page } = ann
      const body = JSON.stringify({ code: 'unavailable', detail: 'Nobody answers.' })
      await page.route('**/api/status/presence', (route) => route.fulfill({ status: 503, body }))
      await summary(page, /^Not ready: presence$/)
      assert.match((await rowOf(page, 'presence').textContent()) ?? '', /not there.*Nobody answers\./)
      await page.unroute('**/api/status/presence')
      await summary(page, /^Everything is ready$/)
    })
  })
}
