import type { Page } from 'playwright-core'
import type { Line } from './line.ts'

export interface Person {
  readonly name: string
  readonly username: string
  readonly page: Page
  readonly line: Line
  /** Errors and warnings of the console, uncaught errors, and what the content security policy refused. */
  readonly complaints: readonly string[]
}

export const password = 'correct horse battery'

export async function signUp({ page, name, username }: Person): Promise<void> {
  await page.getByRole('button', { name: 'Create an account' }).click()
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Your name').fill(name)
  await page.getByLabel('Password', { exact: true }).fill(password)
  await page.getByRole('button', { name: 'Create account' }).click()
  await page.getByRole('heading', { name: 'Chats' }).waitFor()
}

export async function signIn({ page, username }: Person, secret = password): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password', { exact: true }).fill(secret)
  await page.getByRole('button', { name: 'Sign in' }).click()
}
