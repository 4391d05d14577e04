const browsers: readonly (readonly [RegExp, string])[] = [
  [/Edg\//, 'Edge'],
  [/Firefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const systems: readonly (readonly [RegExp, string])[] = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
]

/** How this device is called in the list of sessions: "Firefox on Linux". */
export function deviceName(userAgent: string): string {
  const name = (list: typeof browsers) => list.find(([pattern]) => pattern.test(userAgent))?.[1]
  return [name(browsers) ?? 'Browser', name(systems)].filter(Boolean).join(' on ')
}
