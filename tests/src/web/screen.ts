/** What people do and see, in the words of the screen. */
import { until } from '@parley/testkit'
import type { Locator, Page } from 'playwright-core'
import type { Person } from './people.ts'

export const composer = (page: Page): Locator => page.getByRole('textbox', { name: /^Message/ })
export const conversation = (page: Page, title: string): Locator =>
  page.getByRole('navigation').getByRole('link', { name: new RegExp(`^${title}\\b`) })
export const scroller = (page: Page): Locator => page.getByRole('region', { name: 'Messages' })

export const bubble = (page: Page, text: string): Locator => scroller(page).getByText(text, { exact: true })

export async function write(page: Page, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    await composer(page).fill(text)
    await composer(page).press('Enter')
  }
}

type Status = 'waiting' | 'sending' | 'stored' | 'failed'

/** The texts of the messages on the screen, from top to bottom; only those in this state, where one is named. */
export const texts = (page: Page, status?: Status): Promise<string[]> =>
  page
    .locator(`[data-status${status === undefined ? '' : `=${status}`}] > span:first-child`)
    .allTextContents()

/** Waits until exactly these messages are there, and each of them is stored. */
export async function shows(page: Page, expected: readonly string[]): Promise<void> {
  let seen: { all: string[]; stored: string[] } | undefined
  const are = (list: readonly string[]) => JSON.stringify(list) === JSON.stringify(expected)
  try {
    await until(
      async () => {
        seen = { all: await texts(page), stored: await texts(page, 'stored') }
        return are(seen.all) && are(seen.stored)
      },
      'the messages',
      60_000,
    )
  } catch (cause) {
    throw new Error(`Expected ${JSON.stringify(expected)}, and the screen shows ${JSON.stringify(seen)}`, {
      cause,
    })
  }
}

export async function find(page: Page, other: Person): Promise<void> {
  await page.getByRole('searchbox', { name: /people and conversations/ }).fill(other.username)
  await page.getByRole('button', { name: new RegExp(other.username) }).click()
  await composer(page).waitFor()
}
