import type { UserId } from '@parley/contracts'
import { tokenize } from 'linkifyjs'

/** A part of a message. Only what is a `link` becomes one, and only where it leads to the web or to an address. */
export type Part =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'link'; readonly text: string; readonly href: string }
  | { readonly kind: 'mention'; readonly text: string; readonly userId: UserId }

/** Username in small letters → who that is. */
export type Usernames = ReadonlyMap<string, UserId>

const safeProtocols: ReadonlySet<string> = new Set(['https:', 'http:', 'mailto:'])
const handle = /(?<![\w.@/-])@([A-Za-z0-9][A-Za-z0-9._-]*)/g

export function partsOf(text: string, mentionable: Usernames): readonly Part[] {
  return tokenize(text).flatMap((token): readonly Part[] => {
    const href = token.isLink ? safeHref(token.toHref('https')) : undefined
    return href === undefined
      ? mentions(token.toString(), mentionable)
      : [{ kind: 'link', text: token.toString(), href }]
  })
}

function safeHref(href: string): string | undefined {
  if (!URL.canParse(href)) return undefined
  const url = new URL(href)
  return safeProtocols.has(url.protocol) ? url.href : undefined
}

function mentions(text: string, mentionable: Usernames): readonly Part[] {
  const parts: Part[] = []
  let from = 0
  for (const { index, name, userId } of handles(text, mentionable)) {
    if (index > from) parts.push({ kind: 'text', text: text.slice(from, index) })
    from = index + name.length + 1
    parts.push({ kind: 'mention', text: text.slice(index, from), userId })
  }
  if (from < text.length) parts.push({ kind: 'text', text: text.slice(from) })
  return parts
}

/** A name may end in a dot or a dash; a sentence, too: "@ann." is Ann unless there is an "ann.". */
function* handles(text: string, mentionable: Usernames) {
  for (const match of text.matchAll(handle)) {
    for (let name = match[1] ?? ''; name !== ''; name = name.replace(/[._-]?[^._-]*$/, '')) {
      const trimmed = [name, name.replace(/[._-]+$/, '')]
      const found = trimmed.find((each) => mentionable.has(each.toLowerCase()))
      const userId = found === undefined ? undefined : mentionable.get(found.toLowerCase())
      if (found === undefined || userId === undefined) continue
      yield { index: match.index, name: found, userId }
      break
    }
  }
}

/** Who is named in what I write. */
export function mentionedIn(text: string, mentionable: Usernames): UserId[] {
  return [...new Set([...handles(text, mentionable)].map(({ userId }) => userId))]
}

const pictures =
  /^(?:\p{Extended_Pictographic}|\p{Regional_Indicator}|\p{Emoji_Modifier}|[\u200d\ufe0f\s])+$/u
const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** One to three emoji and nothing else: shown large. */
export function isJumbo(text: string): boolean {
  if (text.length > 60 || !pictures.test(text)) return false
  return [...graphemes.segment(text.replace(/\s/g, ''))].length <= 3
}
