import type { CreateItem, CreateOutcome, DocumentStore, Family } from '@parley/kit'

type Create = (items: readonly CreateItem<unknown>[]) => Promise<CreateOutcome<unknown>[]>

/** A store whose creates of one family go another way: late, without an answer, or not at all. */
export function withCreates(
  store: DocumentStore,
  prefix: string,
  change: (items: readonly CreateItem<unknown>[], create: Create) => Promise<CreateOutcome<unknown>[]>,
): DocumentStore {
  async function createMany<T>(family: Family<T, 'log' | 'versioned'>, items: readonly CreateItem<T>[]) {
    if (family.prefix !== prefix) return store.createMany(family, items)
    const create: Create = (some) => store.createMany(family, some as readonly CreateItem<T>[])
    return (await change(items, create)) as CreateOutcome<T>[]
  }
  return {
    ...store,
    createMany,
    create: async (family, key, value, options) => {
      const [outcome] = await createMany(family, [{ key, value, ...options }])
      return outcome ?? { outcome: 'unknown' }
    },
  }
}
