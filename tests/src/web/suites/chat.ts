import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@parley/testkit'
import { type Person, signIn, signUp } from '../people.ts'
import { composer, conversation, find, shows, write } from '../screen.ts'
import type { World } from '../world.ts'

export function chatSuite(world: () => World): void {
  describe('two people in two browsers', () => {
    let ann: Person
    let bob: Person

    before(async () => {
      ann = await world().arrive('Ann')
      bob = await world().arrive('Bob')
    })
    after(() => world().clear())

    it('sign up, find each other and talk', async () => {
      await signUp(ann)
      await signUp(bob)
      await find(ann.page, bob)
      await write(ann.page, 'Hello Bob', 'Two\nlines')
      await conversation(bob.page, 'Ann').click()
      await shows(bob.page, ['Hello Bob', 'Two\nlines'])
      await write(bob.page, 'Hello Ann')
      await shows(ann.page, ['Hello Bob', 'Two\nlines', 'Hello Ann'])
    })

    it('see who is there and who types', async () => {
      await ann.page.getByRole('heading', { name: /Bob.*online/ }).waitFor()
      await composer(bob.page).pressSequentially('I am still thinking', { delay: 250 })
      await ann.page.getByText('Bob is typing').waitFor()
      await composer(bob.page).fill('')
      await ann.page.getByText('Bob is typing').waitFor({ state: 'hidden' })
    })

    it('count what is unread, and until when', async () => {
      await bob.page.goto(bob.line.url)
      await conversation(bob.page, 'Ann').waitFor()
      await write(ann.page, 'One', 'Two')
      await conversation(bob.page, /2 unread/.source)
        .or(bob.page.getByText('2 unread'))
        .first()
        .waitFor()
      await until(async () => (await bob.page.title()) === '(2) Parley', 'the title counts')
      await conversation(bob.page, 'Ann').click()
      await bob.page.getByText('New messages').waitFor()
      await until(async () => (await bob.page.title()) === 'Parley', 'nothing is unread')
      await bob.page.reload()
      await conversation(bob.page, 'Ann').waitFor()
      assert.equal(await bob.page.title(), 'Parley', 'the server knows it, too')
    })

    it('gather in a group, name it and leave it', async () => {
      const { page } = ann
      await page.getByRole('button', { name: 'New group' }).click()
      await page.getByLabel('Name of the group').fill('Harbour')
      await page.getByRole('checkbox', { name: /Bob/ }).click()
      await page.getByRole('button', { name: /Create group/ }).click()
      await write(page, `@${bob.username}, look at https://example.com/x.`)
      await conversation(bob.page, 'Harbour').getByText('You are mentioned').waitFor({ state: 'attached' })
      await conversation(bob.page, 'Harbour').click()
      await bob.page.getByText('Ann added you').waitFor()
      const link = bob.page.getByRole('link', { name: 'https://example.com/x', exact: true })
      assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow')

      await bob.page.getByRole('button', { name: 'Show details' }).click()
      await bob.page.getByRole('button', { name: 'Rename' }).click()
      await bob.page.getByLabel('Name of the group').fill('Quay')
      await bob.page.getByRole('button', { name: 'Save' }).click()
      await page.getByText('Bob renamed the group to “Quay”').waitFor()
      await bob.page.getByRole('button', { name: 'Leave group' }).click()
      await bob.page.getByRole('button', { name: 'Leave', exact: true }).click()
      await page.getByText('Bob left').waitFor()
      await conversation(bob.page, 'Quay').waitFor({ state: 'detached' })
    })

    it('sign out and in again, and everything is there', async () => {
      const { page } = bob
      await page.getByRole('button', { name: /Your account/ }).click()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      await conversation(ann.page, 'Bob').click()
      await ann.page.getByRole('heading', { name: /Bob.*last seen/ }).waitFor({ timeout: 90_000 })
      await signIn(bob)
      await conversation(page, 'Ann').click()
      await shows(page, ['Hello Bob', 'Two\nlines', 'Hello Ann', 'One', 'Two'])
    })

    it('and no browser complained', () => {
      assert.deepEqual([...ann.complaints, ...bob.complaints], [])
    })
  })
}
