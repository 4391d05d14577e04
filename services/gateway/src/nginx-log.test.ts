import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readNginxLine } from './nginx-log.ts'

const cases: [string, ReturnType<typeof readNginxLine>][] = [
  [
    '2026/11/25 18:12:31 [error] 9475#9475: *4 connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: "GET /api/auth/me?token=secret HTTP/1.1", upstream: "http://127.0.0.1:4101/x?token=secret", host: "x"',
    {
      level: 'warn',
      text: 'connect() failed (111: Connection refused) while connecting to upstream, client: 127.0.0.1, server: , request: "GET /api/auth/me?… HTTP/1.1", upstream: "http://127.0.0.1:4101/x?…", host: "x"',
    },
  ],
  [
    'nginx: [emerg] bind() to 127.0.0.1:80 failed (13: Permission denied)',
    {
      level: 'emerg',
      text: 'bind() to 127.0.0.1:80 failed (13: Permission denied)',
    },
  ],
  [
    '2026/11/25 18:12:31 [alert] 1#1: worker process 7 exited on signal 9',
    {
      level: 'error',
      text: 'worker process 7 exited on signal 9',
    },
  ],
  ['something else?a=b', { level: 'info', text: 'something else?…' }],
]
for (const [line, expected] of cases)
  test(line.slice(0, 70), () => assert.deepEqual(readNginxLine(line), expected))
