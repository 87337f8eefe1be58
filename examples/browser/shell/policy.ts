/** With these a page may share memory between threads; a server without them still works, on one thread. */
const isolation = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }

/**
 * What page and workers may do: run their own scripts, compile WebAssembly, and ask nobody but the server they came
 * from and the Hugging Face Hub, with where the Hub's files are stored.
 */
const common = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "connect-src 'self' https://huggingface.co https://*.hf.co",
  "style-src 'self'",
  "img-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
]

/** What every file is served with: a worker obeys its own script's policy, and starts the CPU threads from a Blob. */
export const headers = {
  ...isolation,
  'content-security-policy': [...common, "worker-src 'self' blob:", "frame-ancestors 'none'"].join('; '),
}

/** What the page says of itself, also where a server sends no headers. The page obeys both. */
export const policyOfPage = [
  ...common,
  "worker-src 'self'",
  "require-trusted-types-for 'script'",
  'trusted-types default',
].join('; ')
