import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { appIds } from '@parley/contracts'
import type { Page } from 'playwright-core'
import { isAccessible, isNoWider } from '../accessible.ts'
import { type Person, signUp } from '../people.ts'
import { conversation, find, shows, write } from '../screen.ts'
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
      const state = (page: Page, app: string, good: boolean) =>
        rowOf(page, app).locator(`[data-state=${good ? 'ready' : 'bad'}]`)
      for (const { page, line } of [ann, bob]) {
        await page.goto(`${line.url}/status`)
        await summary(page, /^Everything is ready$/)
        for (const app of appIds) {
          assert.equal(await state(page, app, true).count(), 1, app)
          assert.equal(await state(page, app, false).count(), 0, app)
        }
        const messages = (await rowOf(page, 'messages').textContent()) ?? ''
        assert.match(messages, /Dapr 1\.\d+\.\d+/)
        assert.match(messages, /messages-store: state\.postgresql v2/)
        await isNoWider(page)
      }
      assert.deepEqual([...ann.complaints, ...bob.complaints], [])
      await isAccessible(bob.page, 'the status page')
    })

    it('shows how late events came', async () => {
      const { page, line } = ann
      await page.goto(line.url)
      await conversation(page, 'Bob').click()
      await write(page, 'again')
      await shows(page, ['hello', 'again'])
      await page.goto(`${line.url}/status`)
      const lag = /message\.submitted: \d+ ms \(\d+ events?\)/
      await rowOf(page, 'messages').filter({ hasText: lag }).waitFor()
    })

    it('says who is not there', async () => {
      const { page, line } = ann
      await page.route('**/api/status/presence', (route) => route.fulfill({ status: 503, body: '{}' }))
      await page.goto(`${line.url}/status`)
      await summary(page, /^Not ready: presence$/)
      assert.match((await rowOf(page, 'presence').textContent()) ?? '', /no answer/)
      await page.unroute('**/api/status/presence')
      await summary(page, /^Everything is ready$/)
    })
  })
}
