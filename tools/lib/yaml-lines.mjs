import { isMap, isScalar, isSeq } from 'yaml'

/**
 * The line of what a path leads to: of the key, where it is in a map. Where the path ends early, of the last that is there.
 * @param {import('yaml').Document} document
 * @param {import('yaml').LineCounter} lines
 * @param {readonly (string | number)[]} path
 * @returns {number | undefined}
 */
export function lineOf(document, lines, path) {
  /** @type {unknown} */
  let node = document.contents
  let position = document.contents?.range?.[0]
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part)
      if (!pair) break
      position = /** @type {any} */ (pair.key).range?.[0] ?? position
      node = pair.value
    } else if (isSeq(node)) {
      const item = /** @type {any} */ (node.items[Number(part)])
      if (!item) break
      position = item.range?.[0] ?? position
      node = item
    } else break
  }
  return position === undefined ? undefined : lines.linePos(position).line
}
