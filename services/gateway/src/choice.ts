/** Which of the two proxies serves. */
export interface FoundNginx {
  readonly path: string
  readonly version: string
}

export type Choice =
  | { readonly use: 'nginx'; readonly path: string }
  | { readonly use: 'node'; readonly warning?: string }
  | { readonly use: 'neither'; readonly reason: string }

/** The first that takes `-e`, without which it complains about a log that it may not write. */
const oldest = [1, 19, 5] as const

export function chooseProxy(wish: 'nginx' | 'node' | undefined, found: FoundNginx | undefined): Choice {
  if (wish === 'node') return { use: 'node' }
  if (found !== undefined && isYoungEnough(found.version)) return { use: 'nginx', path: found.path }
  const old = found && `${found.path} is ${found.version}, and ${oldest.join('.')} or later is needed`
  if (wish === 'nginx')
    return {
      use: 'neither',
      reason: `PARLEY_GATEWAY=nginx, but ${old ?? 'there is no nginx on this machine'}: install it, or set PARLEY_GATEWAY=node.`,
    }
  return old === undefined ? { use: 'node' } : { use: 'node', warning: `${old}: the Node proxy serves` }
}

function isYoungEnough(version: string): boolean {
  const numbers = version.split('.').map(Number)
  const differing = oldest.findIndex((number, index) => numbers[index] !== number)
  return differing === -1 || (numbers[differing] ?? 0) > (oldest[differing] ?? 0)
}
