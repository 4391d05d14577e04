/** Type → endings. NGINX has its own list only as a file that every system keeps elsewhere. */
export const mimeTypes = {
  'text/html': 'html',
  'text/css': 'css',
  'text/plain': 'txt',
  'application/javascript': 'js mjs',
  'application/json': 'json map',
  'application/manifest+json': 'webmanifest',
  'application/wasm': 'wasm',
  'image/svg+xml': 'svg',
  'image/png': 'png',
  'image/jpeg': 'jpg jpeg',
  'image/webp': 'webp',
  'image/x-icon': 'ico',
  'font/woff2': 'woff2',
  'audio/mpeg': 'mp3',
}

/** NGINX goes by the ending of the path in the URL, which need not be that of the file. */
export function typeOf(file: string): string {
  const ending = file.slice(file.lastIndexOf('.') + 1)
  const found = Object.entries(mimeTypes).find(([, endings]) => endings.split(' ').includes(ending))
  return found?.[0] ?? 'application/octet-stream'
}
