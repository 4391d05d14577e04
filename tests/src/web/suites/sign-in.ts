import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createChat } from '@parley/client'
import { deleteSession, limits, listSessions } from '@parley/contracts'
import { type Person, password, signIn, signUp } from '../people.ts'
import { composer, find, write } from '../screen.ts'
import type { World } from '../world.ts'

export function signInSuite(world: () => World): void {
  describe('the sign-in', () => {
    let ann: Person
    const alert = (person: Person) => person.page.getByRole('alert')

    before(async () => {
      ann = await world().arrive('Ann')
      await signUp(ann)
    })
    after(() => world().clear())

    it('says what is wrong with a new account, at its field', async () => {
      const other = await world().arrive('Other')
      const { page } = other
      await page.getByRole('button', { name: 'Create an account' }).click()
      await page.getByLabel('Username').fill('with space')
      await page.getByLabel('Password', { exact: true }).fill('short')
      await page.getByRole('button', { name: 'Create account' }).click()
      await page.getByText('Only letters, digits').waitFor()
      await page.getByText('At least 8 characters.').waitFor()
      assert.equal(await page.getByLabel('Username').getAttribute('aria-invalid'), 'true')

      await page.getByLabel('Username').fill(ann.username)
      await page.getByLabel('Password', { exact: true }).fill(password)
      await page.getByRole('button', { name: 'Create account' }).click()
      await page.getByText('This username is taken').waitFor()
      await page.context().close()
    })

    it('says that the password is wrong, and after too many tries how long to wait', async () => {
      const { page, ...other } = await world().arrive('Ann again')
      const wrong = { ...other, page, username: ann.username }
      await signIn(wrong, 'not the password')
      await alert(wrong).getByText('wrong').waitFor()
      let status = 401
      for (let tries = 0; status === 401 && tries < 4 * limits.loginsPerMinute; tries++) {
        const answered = page.waitForResponse(/\/api\/auth\/login/)
        await page.getByRole('button', { name: 'Sign in' }).click()
        status = (await answered).status()
      }
      assert.equal(status, 429)
      await alert(wrong)
        .getByText(/Try again in \d+ s/)
        .waitFor()
      assert.equal(await page.getByRole('button', { name: 'Sign in' }).isDisabled(), true)
      await page.context().close()
    })

    it('says so when the gateway cannot be reached', async () => {
      const other = await world().arrive('Nobody')
      other.line.become('cut')
      await signIn(other)
      await alert(other).getByText('cannot be reached').waitFor()
      await other.page.context().close()
    })

    it('warns before unsent messages are lost', async () => {
      const bob = await world().arrive('Bob')
      await signUp(bob)
      await find(bob.page, ann)
      bob.line.become('cut')
      await bob.page.getByText(/Connecting|No connection/).waitFor()
      await write(bob.page, 'never sent')
      await bob.page.getByRole('button', { name: /Your account/ }).click()
      await bob.page.getByText('One message is not sent yet').waitFor()
      await bob.page.context().close()
    })

    it('comes back with a reason when the session was ended elsewhere', async () => {
      const { page, ...other } = await world().arrive('Cem')
      const cem = { ...other, page }
      await signUp(cem)
      const elsewhere = createChat({ url: world().parley.url })
      await elsewhere.login({ username: cem.username, password })
      const { items } = await elsewhere.call(listSessions)
      const sessionId = items.find(({ current }) => !current)?.id
      assert.ok(sessionId)
      await elsewhere.call(deleteSession, { params: { sessionId } })
      await page.getByText('signed out from another device').waitFor()
      await signIn(cem)
      await page.getByRole('heading', { name: 'Chats' }).waitFor()
    })

    it('leaves nothing of a draft or a name to the next one', async () => {
      const { page } = ann
      const bob = await world().arrive('Dora')
      await signUp(bob)
      await find(page, bob)
      await composer(page).fill('a draft')
      await page.getByRole('button', { name: /Your account/ }).click()
      await page.getByRole('button', { name: 'Sign out' }).click()
      await page.getByRole('heading', { name: 'Welcome back' }).waitFor()
      assert.deepEqual(await page.evaluate('[Object.keys(localStorage), Object.keys(sessionStorage)]'), [
        [],
        [],
      ])
      assert.deepEqual(ann.complaints, [])
    })
  })
}
