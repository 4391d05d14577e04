import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { type Person, signUp } from '../people.ts'
import { composer, conversation, find, shows, texts, write } from '../screen.ts'
import type { World } from '../world.ts'

/** The server's own refusals are hard to come by: this one is said in its name, on the way to the browser. */
async function refuse(page: Page, text: string, isOn: () => boolean): Promise<void> {
  await page.routeWebSocket(/socket\.io/, (socket) => {
    const server = socket.connectToServer()
    socket.onMessage((packet) => {
      const ack = /^42(\d+)\["message:send"/.exec(String(packet))?.[1]
      const refused = ack !== undefined && isOn() && String(packet).includes(text)
      if (refused) socket.send(`43${ack}[{"ok":false,"error":{"code":"forbidden","message":"no"}}]`)
      else server.send(packet)
    })
  })
  // Playwright stands between from the next page on.
  await page.reload()
}

export function refusedSuite(world: () => World): void {
  describe('what the server refuses', () => {
    let ann: Person
    let bob: Person
    let refusing = true

    before(async () => {
      ann = await world().arrive('Ann')
      bob = await world().arrive('Bob')
      await refuse(ann.page, 'unwanted', () => refusing)
      await signUp(ann)
      await signUp(bob)
      await find(ann.page, bob)
    })
    after(() => world().clear())

    it('stays and says why, over a reload, until it is sent again or discarded', async () => {
      const { page } = ann
      await write(page, 'unwanted 1', 'unwanted 2', 'fine')
      await page.getByText('You may not do this').nth(1).waitFor()
      assert.deepEqual(await texts(page, 'failed'), ['unwanted 1', 'unwanted 2'])
      await page.reload()
      await page.getByText('You may not do this').nth(1).waitFor()
      await page.getByRole('button', { name: 'Discard' }).first().click()
      refusing = false
      await page.getByRole('button', { name: 'Try again' }).click()
      await shows(page, ['fine', 'unwanted 2'])
      await conversation(bob.page, 'Ann').click()
      await shows(bob.page, ['fine', 'unwanted 2'])
    })

    it('is not lost from sight when one was removed meanwhile', async () => {
      const { page } = ann
      await page.getByRole('button', { name: 'New group' }).click()
      await page.getByLabel('Name of the group').fill('Harbour')
      await page.getByRole('checkbox', { name: /Bob/ }).click()
      await page.getByRole('button', { name: /Create group/ }).click()
      await composer(page).waitFor()
      await conversation(bob.page, 'Harbour').click()
      await bob.page.getByText('Ann added you').waitFor()
      bob.line.become('cut')
      await bob.page.getByText(/Connecting|No connection/).waitFor()
      await write(bob.page, 'too late')
      await page.getByRole('button', { name: 'Show details' }).click()
      await page.getByRole('button', { name: 'Remove Bob' }).click()
      await page.getByRole('button', { name: 'Remove', exact: true }).click()
      await page.getByText('You removed Bob').waitFor()
      bob.line.become('open')
      await bob.page.getByText('This conversation is not here').waitFor()
      await bob.page.getByText('too late').waitFor()
      await bob.page.getByRole('button', { name: 'Back to your chats' }).click()
      await bob.page.getByRole('button', { name: /Your account/ }).click()
      await bob.page.getByRole('button', { name: 'Sign out', exact: true }).waitFor()
    })
  })
}

export function tabsSuite(world: () => World): void {
  describe('two tabs of one person', () => {
    after(() => world().clear())

    it('show the same, count the same and end together', async () => {
      const ann = await world().arrive('Ann')
      const bob = await world().arrive('Bob')
      await signUp(ann)
      await signUp(bob)
      await find(bob.page, ann)
      const first = ann.page
      const second = await first.context().newPage()
      await second.goto(ann.line.url)
      await write(bob.page, 'hello')
      await conversation(second, 'Bob').getByText('1 unread').waitFor()
      await conversation(first, 'Bob').click()
      await conversation(second, 'Bob').getByText('1 unread').waitFor({ state: 'detached' })
      await write(first, 'from the first tab')
      await conversation(second, 'Bob').click()
      await shows(second, ['hello', 'from the first tab'])
      await second.getByRole('button', { name: /Your account/ }).click()
      await second.getByRole('button', { name: 'Sign out' }).click()
      await first.getByRole('heading', { name: 'Welcome back' }).waitFor()
      assert.deepEqual(ann.complaints, [])
    })
  })
}
