import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createChat } from '@parley/client'
import { createConversation, findUsers } from '@parley/contracts'
import { until } from '@parley/testkit'
import type { Locator } from 'playwright-core'
import { type Person, password, signUp } from '../people.ts'
import { bubble, composer, conversation, scroller, texts } from '../screen.ts'
import type { World } from '../world.ts'

const messages = 130

export function scrollSuite(world: () => World): void {
  describe('a long conversation', () => {
    let ann: Person
    let say: (...texts: string[]) => Promise<void>
    let stopBob: () => void
    const top = async (locator: Locator) => (await locator.boundingBox())?.y ?? Number.NaN
    /** Where it stands when the wheel has come to rest. */
    const rested = async (locator: Locator): Promise<number> => {
      let last = await top(locator)
      await until(async () => {
        await ann.page.waitForTimeout(100)
        const before = last
        last = await top(locator)
        return before === last
      }, 'it stands still')
      return last
    }
    const wheel = async (down: number) => {
      await scroller(ann.page).hover()
      await ann.page.mouse.wheel(0, down)
    }

    before(async () => {
      ann = await world().arrive('Ann')
      await signUp(ann)
      const bob = createChat({ url: world().parley.url })
      stopBob = bob.disconnect
      await bob.register({ username: `bob-${process.pid}`, displayName: 'Bob', password })
      bob.connect()
      const { items } = await bob.call(findUsers, { query: { query: ann.username } })
      const memberIds = items.map(({ id }) => id)
      const { id } = await bob.call(createConversation, { body: { kind: 'direct', memberIds } })
      say = async (...all) => {
        await Promise.all(all.map((text) => bob.send(id, { text }).stored))
      }
      await say(...Array.from({ length: messages }, (_, index) => `number ${index + 1}`))
    })
    after(async () => {
      stopBob?.()
      await world().clear()
    })

    it('opens at the first new message', async () => {
      await conversation(ann.page, 'Bob').getByText('99+').waitFor()
      await conversation(ann.page, 'Bob').click()
      await ann.page.getByText('New messages').waitFor()
      await bubble(ann.page, 'number 1').waitFor()
      assert.equal(await bubble(ann.page, `number ${messages}`).isVisible(), true)
      await ann.page.getByRole('button', { name: /new$/ }).click()
      await until(async () => (await ann.page.title()) === 'Parley', 'all is read at the end')
    })

    it('loads older messages above, and what one reads stays where it is', async () => {
      const { page } = ann
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      await page.reload()
      await bubble(page, `number ${messages}`).waitFor()
      await page.route(/messages\?.*before=/, async (route) => {
        await held
        await route.continue()
      })
      const first = (await texts(page))[0] ?? ''
      assert.notEqual(first, 'number 1', 'the newest page is not all')
      await wheel(-10_000)
      const mark = bubble(page, first)
      const before = await rested(mark)
      release()
      await until(async () => (await texts(page)).length > 60, 'older messages came')
      const moved = Math.abs((await rested(mark)) - before)
      assert.ok(moved <= 2, `what was on top moved by ${moved} px`)
      await until(async () => {
        await wheel(-10_000)
        return (await texts(page))[0] === 'number 1'
      }, 'the first message of all')
      assert.deepEqual(
        await texts(page),
        Array.from({ length: messages }, (_, index) => `number ${index + 1}`),
      )
    })

    it('does not move for a new message while one reads above, and leads to it', async () => {
      const { page } = ann
      await wheel(-10_000)
      const mark = bubble(page, 'number 8')
      const before = await rested(mark)
      await say('fresh 1', 'fresh 2')
      const jump = page.getByRole('button', { name: '2 new' })
      await jump.waitFor()
      assert.equal(await rested(mark), before)
      assert.equal(await page.title(), '(2) Parley', 'what is not in sight is not read')
      await jump.click()
      await until(async () => (await page.title()) === 'Parley', 'it is read in sight')
      await jump.waitFor({ state: 'hidden' })
      await say('fresh 3')
      const last = bubble(page, 'fresh 3')
      await last.waitFor()
      const inSight = async () => (await top(last)) + 20 < (await top(composer(page)))
      await until(inSight, 'the end stays in sight')
      await composer(page).fill('line\n'.repeat(9))
      await until(inSight, 'also while the composer grows')
      assert.equal(await page.getByRole('button', { name: /Jump|new$/ }).count(), 0)
      assert.deepEqual(ann.complaints, [])
    })
  })
}
