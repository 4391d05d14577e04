/** A real Chromium, and people in it: each in a context of their own, behind a line of their own to the gateway. */
import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { type Line, openLine } from './line.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)

/** The reason for a skip; undefined where there is a browser. */
export const whyNoBrowser = executablePath === undefined && 'there is no Chromium: apt-get install chromium'

const quiet = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const launch = (): Promise<Browser> =>
  chromium.launch({ ...(executablePath !== undefined && { executablePath }), args: quiet })

export interface Person {
  readonly name: string
  readonly username: string
  readonly page: Page
  readonly line: Line
  /** Errors and warnings of the console, uncaught errors, and what the content security policy refused. */
  readonly complaints: readonly string[]
}

export const password = 'correct horse battery'
let people = 0

/** Someone before the sign-in, at the address of the gateway. */
export async function arrive(
  browser: Browser,
  gateway: string,
  name: string,
  options: BrowserContextOptions = {},
): Promise<Person> {
  const line = await openLine(Number(new URL(gateway).port))
  const context = await browser.newContext({
    locale: 'en-GB',
    viewport: { width: 1280, height: 800 },
    ...options,
  })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (said) => {
    if (['error', 'warning'].includes(said.type())) complaints.push(said.text())
  })
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
  context.once('close', () => void line.close())
  page.setDefaultTimeout(45_000)
  await page.goto(line.url)
  const username = `${name.toLowerCase()}-${process.pid.toString(36)}${(people++).toString(36)}`
  return { name, username, page, line, complaints }
}

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
