/** How things are written in an NGINX configuration. */
/** In an NGINX string `$` begins a variable and cannot be escaped. */
export function quoted(text: string): string {
  if (/[$\r\n]/.test(text)) throw new Error(`NGINX cannot be given ${JSON.stringify(text)}`)
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}
/** Regular expressions keep their backslashes. */
export const pattern = (source: string): string => `"~${source.replaceAll('"', '\\"')}"`
export const lines = (...parts: readonly (string | readonly string[])[]): string => parts.flat().join('\n')
const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ')
export const block = (head: string, ...body: readonly (string | readonly string[])[]): string =>
  `${head} {\n${indent(lines(...body))}\n}`
