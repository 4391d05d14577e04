import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { limits } from '@parley/contracts'
import { type Parley, startParley } from '@parley/testkit'
import type { Browser } from 'playwright-core'
import { arrive, launch, type Person, password, signIn, signUp, whyNoBrowser } from './browser.ts'
import { composer, find, write } from './screen.ts'

describe('the sign-in', { skip: whyNoBrowser }, () => {
  let parley: Parley
  let browser: Browser
  let ann: Person
  const alert = (person: Person) => person.page.getByRole('alert')

  before(async () => {
    parley = await startParley()
    browser = await launch()
    ann = await arrive(browser, parley.url, 'Ann')
    await signUp(ann)
  })
  after(async () => {
    await browser?.close()
    await parley?.stop()
  })

  it('says what is wrong with a new account, at its field', async () => {
    const other = await arrive(browser, parley.url, 'Other')
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
    const { page, ...other } = await arrive(browser, parley.url, 'Ann again')
    const wrong = { ...other, page, username: ann.username }
    await signIn(wrong, 'not the password')
    await alert(wrong).getByText('wrong').waitFor()
    for (let tried = 1; tried < limits.loginsPerMinute; tried++) {
      const answered = page.waitForResponse(/\/api\/auth\/login/)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await answered
    }
    await page.getByRole('button', { name: 'Sign in' }).click()
    await alert(wrong)
      .getByText(/Try again in \d+ s/)
      .waitFor()
    assert.equal(await page.getByRole('button', { name: 'Sign in' }).isDisabled(), true)
    await page.context().close()
  })

  it('says so when the gateway cannot be reached', async () => {
    const other = await arrive(browser, parley.url, 'Nobody')
    other.line.become('cut')
    await signIn(other)
    await alert(other).getByText('cannot be reached').waitFor()
    await other.page.context().close()
  })

  it('warns before unsent messages are lost', async () => {
    const bob = await arrive(browser, parley.url, 'Bob')
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
    const { page, ...other } = await arrive(browser, parley.url, 'Cem')
    const cem = { ...other, page }
    await signUp(cem)
    const token = JSON.parse((await page.evaluate('localStorage.getItem("parley.session")')) as string)
    const headers = { authorization: `Bearer ${token.accessToken}` }
    const list = await fetch(`${parley.url}/api/auth/sessions`, { headers })
    const { items } = (await list.json()) as { items: { id: string }[] }
    await fetch(`${parley.url}/api/auth/sessions/${items[0]?.id}`, { method: 'DELETE', headers })
    await page.getByText('signed out from another device').waitFor()
    await signIn(cem)
    await page.getByRole('heading', { name: 'Chats' }).waitFor()
  })

  it('leaves nothing of a draft or a name to the next one', async () => {
    const { page } = ann
    const bob = await arrive(browser, parley.url, 'Dora')
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
