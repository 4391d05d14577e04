import assert from 'node:assert/strict'
import axe from 'axe-core'
import type { Page } from 'playwright-core'

export async function isAccessible(page: Page, what: string): Promise<void> {
  await page.evaluate(axe.source)
  // Colours that are still fading in are not those that one sees.
  await page.evaluate('Promise.all(document.getAnimations().map((each) => each.finished.catch(() => {})))')
  const found = (await page.evaluate(
    'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]))',
  )) as string[][]
  assert.deepEqual(found, [], what)
}

export async function isNoWider(page: Page): Promise<void> {
  const width = 'document.documentElement.scrollWidth - document.documentElement.clientWidth'
  assert.equal(await page.evaluate(width), 0, 'nothing is wider than the screen')
}
