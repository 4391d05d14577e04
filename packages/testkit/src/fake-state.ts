interface Row {
  readonly json: string
  readonly etag: string
  readonly collectAt: number
}

/** An item of `POST /v1.0/state/<store>`. */
export interface SaveItem {
  readonly key: string
  readonly value: unknown
  readonly etag?: string
  readonly options?: { readonly concurrency?: string }
  readonly metadata?: { readonly ttlInSeconds?: string }
}

/** What daprd answers for one item, or undefined where all is well. */
export interface SaveFailure {
  readonly status: 409 | 500
  readonly message: string
}

export interface FakeState {
  get(key: string): { data: unknown; etag: string } | undefined
  /** Each item by itself; the first failure stands for all, as daprd answers it. */
  save(items: readonly SaveItem[]): SaveFailure | undefined
  delete(key: string): void
  readonly keys: readonly string[]
}

/** One state store with the semantics that the supported ones share: etags, first write, TTL. */
export function fakeState(): FakeState {
  const rows = new Map<string, Row>()
  let version = 0

  function find(key: string): Row | undefined {
    const row = rows.get(key)
    if (row === undefined || row.collectAt > Date.now()) return row
    rows.delete(key)
    return undefined
  }

  function saveOne({ key, value, etag, options, metadata }: SaveItem): SaveFailure | undefined {
    const row = find(key)
    if (etag !== undefined && row?.etag !== etag)
      return { status: 409, message: 'possible etag mismatch. error from state store' }
    if (etag === undefined && options?.concurrency === 'first-write' && row !== undefined)
      return { status: 500, message: 'no item was updated' }
    const ttl = metadata?.ttlInSeconds
    const collectAt = ttl === undefined ? Number.POSITIVE_INFINITY : Date.now() + Number(ttl) * 1000
    rows.set(key, { json: JSON.stringify(value), etag: String(++version), collectAt })
    return undefined
  }

  return {
    get(key) {
      const row = find(key)
      return row && { data: JSON.parse(row.json), etag: row.etag }
    },
    save(items) {
      let failure: SaveFailure | undefined
      for (const item of items) failure = saveOne(item) ?? failure
      return failure
    },
    delete: (key) => void rows.delete(key),
    get keys() {
      return [...rows.keys()]
    },
  }
}
