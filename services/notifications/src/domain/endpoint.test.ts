import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { isPublicAddress, refuseEndpoint } from './endpoint.ts'

const strict = { allowLoopback: false }
const lax = { allowLoopback: true }

const notPublic = {
  'this network': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1'],
  'link-local, with the metadata of clouds': ['169.254.0.1', '169.254.169.254', 'fe80::1', 'fe80::1%eth0'],
  'metadata of clouds elsewhere': ['100.100.100.200', '192.0.0.192', 'fd00:ec2::254', '168.63.129.16'],
  'carrier-grade NAT': ['100.64.0.1', '100.127.255.255'],
  'multicast and broadcast': ['224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
  'reserved and documentation': [
    ...['192.0.0.1', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '240.0.0.1'],
    ...['2001:db8::1', '3fff::1', '100::1', '2001:2::1', 'fec0::1', '4000::1'],
  ],
  'IPv4 inside IPv6, public ones too': [
    ...['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:8.8.8.8', '::ffff:0:127.0.0.1', '::127.0.0.1'],
    ...['64:ff9b::7f00:1', '64:ff9b::808:808', '64:ff9b:1::7f00:1', '2002:7f00:1::1', '2001:0:1:2:3:4:5:6'],
  ],
  'no address': ['', 'localhost', '127.0.0.1.nip.io', '1.2.3', '::g'],
}
const isPublic = [
  '8.8.8.8',
  '142.250.185.78',
  '172.32.0.1',
  '100.128.0.1',
  '2606:4700::1111',
  '2a00:1450:4001::200e',
]

describe('an address', () => {
  for (const [kind, addresses] of Object.entries(notPublic))
    for (const address of addresses)
      it(`${address} (${kind}) is not public`, () => assert.equal(isPublicAddress(address, strict), false))
  for (const address of isPublic)
    it(`${address} is public`, () => assert.equal(isPublicAddress(address, strict), true))

  it('of this machine is allowed where tests say so, and nothing else', () => {
    for (const address of ['127.0.0.1', '127.0.0.2', '::1']) assert.equal(isPublicAddress(address, lax), true)
    const others = Object.entries(notPublic).flatMap(([kind, list]) => (kind === 'loopback' ? [] : list))
    for (const address of others) assert.equal(isPublicAddress(address, lax), false, address)
  })
})

describe('an endpoint', () => {
  const good = [
    'https://fcm.googleapis.com/fcm/send/abc:def?x=1',
    'https://updates.push.services.mozilla.com/wpush/v2/x',
    'https://web.push.apple.com:443/x',
    'https://8.8.8.8/x',
    'https://[2606:4700::1111]/x',
    'https://münchen.example.com/x',
  ]
  for (const endpoint of good)
    it(`${endpoint} may be tried`, () => assert.equal(refuseEndpoint(endpoint, strict), undefined))

  const bad: readonly (readonly [string, string])[] = [
    ['', 'is not a URL'],
    ['push.example.com/x', 'is not a URL'],
    ['http://push.example.com/x', 'is not https'],
    ['ftp://push.example.com/x', 'is not https'],
    ['javascript:alert(1)', 'is not https'],
    ['https://user@push.example.com/x', 'has credentials in it'],
    ['https://user:secret@push.example.com/x', 'has credentials in it'],
    ['https://push.example.com:8443/x', 'has a port other than 443'],
    ['https://push.example.com:22/x', 'has a port other than 443'],
    ['https://localhost/x', 'does not lead to a public address'],
    ['https://LOCALHOST./x', 'does not lead to a public address'],
    ['https://a.localhost/x', 'does not lead to a public address'],
    ['https://db/x', 'does not lead to a public address'],
    ['https://printer.local/x', 'does not lead to a public address'],
    ['https://metadata.google.internal./x', 'does not lead to a public address'],
    ['https://router.home.arpa/x', 'does not lead to a public address'],
    ['https://127.0.0.1/x', 'does not lead to a public address'],
    ['https://127.1/x', 'does not lead to a public address'],
    ['https://2130706433/x', 'does not lead to a public address'],
    ['https://0x7f.0.0.1/x', 'does not lead to a public address'],
    ['https://0177.0.0.1/x', 'does not lead to a public address'],
    ['https://１２７.０.０.１/x', 'does not lead to a public address'],
    ['https://169.254.169.254/latest/meta-data', 'does not lead to a public address'],
    ['https://[::1]/x', 'does not lead to a public address'],
    ['https://[::ffff:127.0.0.1]/x', 'does not lead to a public address'],
    ['https://[64:ff9b::7f00:1]/x', 'does not lead to a public address'],
  ]
  for (const [endpoint, reason] of bad)
    it(`${endpoint || 'nothing'} ${reason}`, () => assert.equal(refuseEndpoint(endpoint, strict), reason))

  it('on this machine is allowed where tests say so, on any port, but only by https', () => {
    for (const endpoint of ['https://localhost:1234/x', 'https://127.0.0.1:1234/x', 'https://[::1]:1234/x'])
      assert.equal(refuseEndpoint(endpoint, lax), undefined)
    assert.equal(refuseEndpoint('http://localhost:1234/x', lax), 'is not https')
    assert.equal(refuseEndpoint('https://10.0.0.1/x', lax), 'does not lead to a public address')
    assert.equal(refuseEndpoint('https://push.example.com:1234/x', lax), 'has a port other than 443')
  })
})
