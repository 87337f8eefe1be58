import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** What the library is made with; undici is for Node alone. */
const { dependencies } = JSON.parse(readFileSync(path('../../package.json'), 'utf8')) as { dependencies: object }
const found = Object.keys(dependencies).filter((name) => name !== 'undici')

/** With these a page may share memory between threads; a server without them still works, on one thread. */
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/**
 * What the page may do: run its own scripts, compile WebAssembly, start the CPU engine's threads from a blob, and ask
 * nobody but the server it came from and the Hugging Face Hub, with where the Hub's files are stored.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "connect-src 'self' https://huggingface.co https://*.hf.co",
  "style-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

/** A worker obeys the policy that its own script is served with, the page the one in it as well. */
const headers = { ...isolation, 'content-security-policy': policy }
const policyInPage: Plugin = {
  name: 'content-security-policy',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'content-security-policy', content: policy }, injectTo: 'head-prepend' },
  ],
}

export default defineConfig({
  root: path('.'),
  base: './',
  plugins: [policyInPage],
  resolve: {
    alias: [
      { find: '#platform', replacement: path('../../src/platform/browser.ts') },
      { find: '#thread', replacement: path('../../src/platform/browser-thread.ts') },
      { find: /^peft-medaware$/, replacement: path('../../src/index.ts') },
      { find: /^peft-medaware\/(.*)$/, replacement: path('../../src/') + '$1/index.ts' },
    ],
  },
  server: { headers, fs: { allow: [path('../..')] } },
  preview: { headers },
  worker: { format: 'es' },
  // Found late, in the worker or when they are needed, they would make the page load twice.
  optimizeDeps: { include: [...found, 'fflate'] },
  build: { target: 'es2022', outDir: path('../../out/browser'), emptyOutDir: true, assetsInlineLimit: 0 },
})
