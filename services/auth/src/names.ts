/**
 * What makes two names the same name. Usernames are unique under it, and search compares with it; nothing else may
 * fold a name in a way of its own. Lower case can undo a composition (İ), hence the second NFKC.
 */
export const normalizeName = (name: string): string =>
  name.toWellFormed().normalize('NFKC').toLowerCase().normalize('NFKC').replace(/\s+/gu, ' ').trim()
