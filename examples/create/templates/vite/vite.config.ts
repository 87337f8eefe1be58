import { defineConfig, type Plugin } from 'vite'

/** With these two a page may share memory between threads; without them the CPU engine has one thread. */
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/** What the page may do. It compiles WebAssembly, starts threads from a Blob, and fetches models from the Hub alone. */
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

/** On servers that send no headers of yours, the page itself says the policy. */
const policyInPage: Plugin = {
  name: 'content-security-policy',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'content-security-policy', content: policy }, injectTo: 'head-prepend' },
  ],
}

const headers = { ...isolation, 'content-security-policy': policy }

/** What the library needs in a page, found before the page loads, so that it need not load twice. */
const inPages = ['@huggingface/tokenizers', '@huggingface/jinja', 'hyparquet', 'papaparse']

export default defineConfig({
  base: './',
  plugins: [policyInPage],
  server: { headers },
  preview: { headers },
  worker: { format: 'es' },
  // As it is, Vite finds the worker's script beside it.
  optimizeDeps: { exclude: ['peft-medaware'], include: inPages.map((name) => `peft-medaware > ${name}`) },
  build: { target: 'es2022', assetsInlineLimit: 0 },
})
