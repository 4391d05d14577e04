import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseProxy, type FoundNginx } from './choice.ts'

const young = { path: '/usr/sbin/nginx', version: '1.22.1' }
const old = { path: '/usr/sbin/nginx', version: '1.18.0' }
const tooOld = '/usr/sbin/nginx is 1.18.0, and 1.19.5 or later is needed'
const install = 'install it, or set PARLEY_GATEWAY=node.'

const cases: [Parameters<typeof chooseProxy>[0], FoundNginx | undefined, ReturnType<typeof chooseProxy>][] = [
  [undefined, young, { use: 'nginx', path: young.path }],
  [undefined, { ...young, version: '1.19.5' }, { use: 'nginx', path: young.path }],
  [undefined, { ...young, version: '2.0.0' }, { use: 'nginx', path: young.path }],
  [undefined, undefined, { use: 'node' }],
  [undefined, old, { use: 'node', warning: `${tooOld}: the Node proxy serves` }],
  [
    'nginx',
    undefined,
    {
      use: 'neither',
      reason: `PARLEY_GATEWAY=nginx, but there is no nginx on this machine: ${install}`,
    },
  ],
  ['nginx', old, { use: 'neither', reason: `PARLEY_GATEWAY=nginx, but ${tooOld}: ${install}` }],
  ['node', young, { use: 'node' }],
]
for (const [wish, found, expected] of cases)
  test(`${wish ?? 'no wish'} with nginx ${found?.version ?? 'missing'}: ${expected.use}`, () => {
    assert.deepEqual(chooseProxy(wish, found), expected)
  })
