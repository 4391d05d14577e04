import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export interface EndpointRules {
  /** For tests on one machine: loopback addresses, on any port. */
  readonly allowLoopback: boolean
}

/** Names that never lead to a push service, whatever they resolve to. */
const privateSuffixes = ['localhost', 'local', 'internal', 'intranet', 'lan', 'home.arpa']

/** Azure answers its machines at this one, which looks public. */
const platformAddress = '168.63.129.16'

/** Of all IPv6 only this is routed worldwide; the ranges inside that are not are known to ipaddr.js. */
const globalUnicast = ipaddr.IPv6.parseCIDR('2000::/3')

/**
 * Whether an address is on the public internet. Only what is known to be public passes: private, loopback, link-local,
 * carrier-grade NAT, multicast, reserved and documentation ranges do not, nor do the IPv6 forms that carry an IPv4
 * address inside (mapped, compatible, NAT64, 6to4, Teredo), because where these end is decided elsewhere.
 */
export function isPublicAddress(text: string, { allowLoopback }: EndpointRules): boolean {
  if (isIP(text) === 0) return false
  const address = ipaddr.parse(text)
  const range = address.range()
  if (range === 'loopback') return allowLoopback
  if (range !== 'unicast' || text === platformAddress) return false
  return address instanceof ipaddr.IPv4 || address.match(globalUnicast)
}

/** Why an endpoint is refused by its looks alone; undefined: it may be tried, and its address is checked on connecting. */
export function refuseEndpoint(endpoint: string, rules: EndpointRules): string | undefined {
  if (!URL.canParse(endpoint)) return 'is not a URL'
  const url = new URL(endpoint)
  if (url.protocol !== 'https:') return 'is not https'
  if (url.username !== '' || url.password !== '') return 'has credentials in it'
  const host = hostOf(url)
  if (isIP(host) !== 0) {
    if (!isPublicAddress(host, rules)) return 'does not lead to a public address'
  } else if (!isPublicName(host) && !(rules.allowLoopback && host === 'localhost'))
    return 'does not lead to a public address'
  const loopback = rules.allowLoopback && (host === 'localhost' || isLoopback(host))
  return url.port === '' || loopback ? undefined : 'has a port other than 443'
}

/** The host as a resolver takes it: without the brackets of IPv6. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1')

const isLoopback = (host: string) => isIP(host) !== 0 && ipaddr.parse(host).range() === 'loopback'

function isPublicName(host: string): boolean {
  const name = host.replace(/\.$/, '')
  if (!name.includes('.')) return false
  return !privateSuffixes.some((suffix) => name === suffix || name.endsWith(`.${suffix}`))
}
