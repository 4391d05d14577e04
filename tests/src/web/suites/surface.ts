import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@parley/testkit'
import { isAccessible, isNoWider } from '../accessible.ts'
import { type Person, signUp } from '../people.ts'
import { composer, conversation, find, shows, write } from '../screen.ts'
import type { World } from '../world.ts'

export function surfaceSuite(world: () => World): void {
  for (const colorScheme of ['light', 'dark'] as const) {
    describe(`on the surface, in ${colorScheme} colours`, () => {
      let desk: Person
      let phone: Person

      before(async () => {
        const reducedMotion = 'reduce'
        desk = await world().arrive('Desk', { colorScheme, reducedMotion })
        const viewport = { width: 390, height: 844 }
        phone = await world().arrive('Phone', {
          colorScheme,
          reducedMotion,
          viewport,
          hasTouch: true,
          isMobile: true,
        })
      })
      after(() => world().clear())

      it('every screen passes axe', async () => {
        const { page } = desk
        await isAccessible(page, 'sign-in')
        await page.getByRole('button', { name: 'Create an account' }).click()
        await page.getByRole('button', { name: 'Create account' }).click()
        await isAccessible(page, 'sign-up with errors')
        await page.getByRole('button', { name: 'Sign in' }).click()
        await signUp(desk)
        await signUp(phone)
        await page.getByText('No conversations yet').waitFor()
        await isAccessible(page, 'nothing yet')
        await find(page, phone)
        await write(page, 'See https://example.com', '🎉')
        await shows(page, ['See https://example.com', '🎉'])
        await isAccessible(page, 'a conversation')
        await page.getByRole('button', { name: 'New group' }).click()
        await page.getByLabel('Name of the group').fill('Harbour')
        await page.getByRole('checkbox', { name: /Phone/ }).click()
        await isAccessible(page, 'a new group')
        await page.getByRole('button', { name: /Create group/ }).click()
        await write(page, `@${phone.username} welcome`)
        await page.getByRole('button', { name: 'Show details' }).click()
        await page.getByRole('button', { name: 'Remove Phone' }).waitFor()
        await isAccessible(page, 'the details of a group')
        await page.getByRole('button', { name: 'Add people' }).click()
        await isAccessible(page, 'a dialog')
      })

      it('a phone shows one screen at a time, and back leads back', async () => {
        const { page } = phone
        await conversation(page, 'Harbour').click()
        await page.getByText('Desk added you').waitFor()
        await isAccessible(page, 'a conversation on a phone')
        assert.equal(await page.getByRole('heading', { name: 'Chats' }).isVisible(), false)
        await page.getByRole('button', { name: 'Show details' }).click()
        await page.getByRole('heading', { name: '2 members' }).waitFor()
        assert.match(page.url(), /\/c\/[\w-]+\/info$/)
        await page.goBack()
        await page.getByRole('heading', { name: '2 members' }).waitFor({ state: 'hidden' })
        await page.getByRole('button', { name: 'Back to your chats' }).click()
        await page.getByRole('heading', { name: 'Chats' }).waitFor()
        assert.equal(await composer(page).isVisible(), false)
        await isAccessible(page, 'the list on a phone')

        await conversation(page, 'Desk').click()
        await shows(page, ['See https://example.com', '🎉'])
        await page.reload()
        await shows(page, ['See https://example.com', '🎉'])
        await page.getByRole('button', { name: 'Back to your chats' }).click()
        await until(() => new URL(page.url()).pathname === '/', 'the list')
      })

      it('a phone sends by its button: Enter makes a line', async () => {
        const { page } = phone
        await conversation(page, 'Desk').click()
        await composer(page).fill('one')
        await composer(page).press('Enter')
        await composer(page).pressSequentially('two')
        await page.getByRole('button', { name: 'Send' }).click()
        await shows(page, ['See https://example.com', '🎉', 'one\ntwo'])
      })

      it('nothing is wider than the screen, and no browser complained', async () => {
        await isNoWider(phone.page)
        await isNoWider(desk.page)
        assert.deepEqual([...desk.complaints, ...phone.complaints], [])
      })
    })
  }
}
