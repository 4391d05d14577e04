import pg from 'pg'

/** The same address, with sessions whose commits are on the disk before they are acknowledged, whatever it said itself. */
export function demanding(url: string, commit: string): string {
  const demanded = new URL(url)
  const own = demanded.searchParams.get('options') ?? ''
  demanded.searchParams.set('options', `${own} -c synchronous_commit=${commit}`.trim())
  return demanded.href
}

/** Makes the table. Tells the `synchronous_commit` to demand. */
export async function prepareTable(url: string, table: string): Promise<string> {
  let client: pg.Client | undefined
  try {
    client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 10_000,
      query_timeout: 30_000,
    })
    await client.connect()
    const { rows } = await client.query<Settings>(
      `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
        pg_is_in_recovery() AS standby, to_regclass($1) IS NOT NULL AS prepared`,
      [table],
    )
    const [settings] = rows
    if (settings?.fsync !== 'on')
      throw new Error('its setting fsync is off, so that it would lose what it acknowledged')
    if (settings.standby) throw new Error('it is a standby, which cannot be written to')
    if (!settings.prepared) await client.query(tableOf(table))
    return settings.commit === 'remote_apply' ? 'remote_apply' : 'on'
  } catch (cause) {
    throw new Error(`PostgreSQL cannot keep ${table}: ${(cause as Error).message}`, { cause })
  } finally {
    // Not awaited: a server that stopped in the meantime would hold us.
    client?.end().catch(() => {})
  }
}

interface Settings {
  readonly fsync: string
  readonly commit: string
  readonly standby: boolean
  readonly prepared: boolean
}

/** The lock is there because two CREATE TABLE IF NOT EXISTS at the same time can both see none. */
const tableOf = (table: string): string => `
  BEGIN;
  SELECT pg_advisory_xact_lock(hashtext('${table}'));
  CREATE TABLE IF NOT EXISTS ${table} (
    key text COLLATE "C" PRIMARY KEY,
    value text NOT NULL,
    etag text NOT NULL,
    collect_at timestamptz
  );
  CREATE INDEX IF NOT EXISTS ${table}_collect_at ON ${table} (collect_at) WHERE collect_at IS NOT NULL;
  COMMIT`
