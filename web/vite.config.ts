import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** `npm run dev -w web` shows the app of the working copy on a Parley that runs. */
const gateway = process.env.PARLEY_URL ?? 'http://localhost:8080'

export default defineConfig({
  plugins: [react()],
  build: {
    sourcemap: true,
    // The gateway's policy lets no page load from data: but images, and every current browser knows modulepreload.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: {
      '/api': { target: gateway },
      '/socket.io': { target: gateway, ws: true },
    },
  },
})
