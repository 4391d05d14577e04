// PostgreSQL's own way to copy a running cluster, as pg_basebackup goes it: the files as they are, torn or not, and the
// log of what was written meanwhile, from which the server that starts on the copy makes them whole.
// https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-LOWLEVEL-BASE-BACKUP
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { SetupError } from '../lib/terminal.mjs'
import { contentsOf, sync, writeManifest } from './manifest.mjs'

/** Of this server's life, not of its data: the next one makes them anew. The log of writes comes last. */
const left = /^(postmaster\.(pid|opts)|backup_label|tablespace_map)$|(^|\/)(pgsql_tmp.*|pg_internal\.init)$/
const leftInside =
  /^(pg_wal|pg_replslot|pg_dynshmem|pg_notify|pg_serial|pg_snapshots|pg_stat_tmp|pg_subtrans)\//
const segment = /^[0-9A-F]{24}$/

/**
 * @param {{ dataDir: string, to: string, port: number, password: string }} options `to` must not be there, or be empty;
 *   it is there only when it is complete
 * @returns {Promise<{ files: number, bytes: number }>}
 */
export async function backUp({ dataDir, to, port, password }) {
  if (existsSync(to) && readdirSync(to).length > 0)
    throw new SetupError(`${to} is not empty: name a new directory.`)
  const unfinished = `${to}.unfinished`
  if (existsSync(unfinished))
    throw new SetupError(
      `${unfinished} is there: another backup is being made, or one was interrupted. If it is the latter, remove it.`,
    )
  mkdirSync(dirname(to), { recursive: true })
  mkdirSync(unfinished, { mode: 0o700 })
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'parley', password, database: 'parley' })
  await client.connect()
  try {
    const source = join(dataDir, 'postgres')
    const target = join(unfinished, 'postgres')
    // While this connection lasts, the server keeps the log of writes that the copy needs.
    await client.query(`SELECT pg_create_physical_replication_slot('parley_backup', true, true)`)
    await client.query(`SELECT pg_backup_start('parley', fast => true)`)
    copyTree(source, target)
    const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop()')
    writeFileSync(join(target, 'backup_label'), rows[0].labelfile, { mode: 0o600 })
    for (const name of readdirSync(join(source, 'pg_wal')).filter((name) => segment.test(name)))
      copy(join(source, 'pg_wal', name), join(target, 'pg_wal', name))
  } finally {
    await client.end()
  }
  copy(join(dataDir, 'secrets.json'), join(unfinished, 'secrets.json'))
  const contents = contentsOf(unfinished)
  writeManifest(unfinished, contents)
  for (const { path, sha256 } of contents) if (sha256 === undefined) sync(join(unfinished, path))
  sync(unfinished)
  if (existsSync(to)) rmdirSync(to)
  renameSync(unfinished, to)
  sync(dirname(to))
  return { files: contents.length, bytes: contents.reduce((sum, { bytes }) => sum + bytes, 0) }
}

/** @param {string} source */
function copyTree(source, target = '', path = '') {
  for (const entry of readdirSync(join(source, path), { withFileTypes: true })) {
    const name = path === '' ? entry.name : `${path}/${entry.name}`
    if (left.test(name) || leftInside.test(name)) continue
    if (entry.isDirectory()) {
      mkdirSync(join(target, name), { recursive: true, mode: 0o700 })
      copyTree(source, target, name)
    } else copy(join(source, name), join(target, name))
  }
}

function copy(/** @type {string} */ from, /** @type {string} */ to) {
  mkdirSync(dirname(to), { recursive: true, mode: 0o700 })
  try {
    copyFileSync(from, to)
  } catch (error) {
    // A table that was dropped meanwhile: the log of writes says so, too.
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT') return
    throw error
  }
  sync(to)
}
