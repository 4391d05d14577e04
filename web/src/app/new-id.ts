/** 120 random bits. Not `crypto.randomUUID`: on plain http in a local network browsers do not have it. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(15))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
}
