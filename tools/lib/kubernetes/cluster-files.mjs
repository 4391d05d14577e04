// Keys, tokens and kubeconfigs of a cluster on this machine, and how it is spoken to.
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'

/** @param {string} directory */
export async function writeKeys(directory) {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const { generate } = await import('selfsigned')
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'kube-apiserver' }], {
    algorithm: 'sha256',
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  })
  const accounts = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  })
  const admin = randomBytes(24).toString('base64url')
  const files = {
    'server.crt': cert,
    'server.key': key,
    'sa.key': accounts.privateKey,
    'sa.pub': accounts.publicKey,
    'tokens.csv': `${admin},admin,admin,"system:masters"\n`,
  }
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(directory, name), text, { mode: 0o600 })
  return { ca: cert, admin }
}

/** @typedef {{ directory: string, port: number, ca: string }} Place */

/**
 * @param {Place} place
 * @param {string} name
 * @param {string} token
 */
export function writeKubeconfig({ directory, port }, name, token) {
  const path = join(directory, `${name}.kubeconfig`)
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        name: 'test',
        cluster: {
          server: `https://127.0.0.1:${port}`,
          'certificate-authority': join(directory, 'server.crt'),
        },
      },
    ],
    users: [{ name, user: { token } }],
    contexts: [{ name, context: { cluster: 'test', user: name } }],
    'current-context': name,
  }
  writeFileSync(path, JSON.stringify(config), { mode: 0o600 })
  return path
}

/**
 * @param {Place} place
 * @param {string} admin
 * @returns {import('./api-server.mjs').Cluster['call']}
 */
export const caller =
  ({ port, ca }, admin) =>
  (method, path, { body, token = admin } = {}) =>
    new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      request({ host: '127.0.0.1', port, ca, method, path, headers }, (answer) => {
        let text = ''
        answer.on('data', (chunk) => {
          text += chunk
        })
        answer.on('end', () => {
          const isJson = answer.headers['content-type']?.startsWith('application/json')
          resolve({ status: answer.statusCode ?? 0, body: isJson ? JSON.parse(text) : text })
        })
      })
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
