import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** With these a page may share memory between threads; a server without them still works, on one thread. */
const headers = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

export default defineConfig({
  root: path('.'),
  base: './',
  resolve: {
    alias: [
      { find: '#platform', replacement: path('../../src/platform/browser.ts') },
      { find: /^peft-medaware$/, replacement: path('../../src/index.ts') },
    ],
  },
  server: { headers, fs: { allow: [path('../..')] } },
  preview: { headers },
  worker: { format: 'es' },
  // Found late, in the worker, they would make the page load twice.
  optimizeDeps: { include: ['@huggingface/tokenizers', 'fflate', 'papaparse'] },
  build: { target: 'es2022', outDir: path('../../out/browser'), emptyOutDir: true, assetsInlineLimit: 0 },
})
