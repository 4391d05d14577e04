/** One Parley and one real Chromium for all suites: each suite brings people of its own. */
import { existsSync } from 'node:fs'
import { type Parley, startParley } from '@parley/testkit'
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core'
import { openLine } from './line.ts'
import type { Person } from './people.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (path) => existsSync(path),
)

/** The reason for a skip; false where there is a browser. */
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

export interface World {
  readonly parley: Parley
  /** Someone before the sign-in, in a context of their own and behind a line of their own to the gateway. */
  arrive(name: string, options?: BrowserContextOptions): Promise<Person>
  /** Everybody goes. */
  clear(): Promise<void>
  end(): Promise<void>
}

export async function startWorld(): Promise<World> {
  const parley = await startParley()
  const browser = await launch().catch(async (error) => {
    await parley.stop()
    throw error
  })
  const gatewayPort = Number(new URL(parley.url).port)
  let people = 0

  return {
    parley,
    async arrive(name, options = {}) {
      const line = await openLine(gatewayPort)
      const defaults = { locale: 'en-GB', viewport: { width: 1280, height: 800 } }
      const context = await browser.newContext({ ...defaults, ...options })
      context.once('close', () => void line.close())
      const page = await context.newPage()
      page.setDefaultTimeout(60_000)
      const complaints: string[] = []
      page.on('console', (said) => {
        if (['error', 'warning'].includes(said.type())) complaints.push(said.text())
      })
      page.on('pageerror', (error) => complaints.push(error.stack ?? error.message))
      await page.goto(line.url)
      // No username is the beginning of another one: a search for one finds one.
      const username = `${name.toLowerCase()}-${people++}x`
      return { name, username, page, line, complaints }
    },
    async clear() {
      for (const context of browser.contexts()) await context.close()
    },
    async end() {
      await browser.close()
      await parley.stop()
    },
  }
}

const launch = (): Promise<Browser> =>
  chromium.launch({ ...(executablePath !== undefined && { executablePath }), args: quiet, timeout: 120_000 })
