// x · Wᵀ [m,k] · [n,k]ᵀ with jax-js on wasm.
import { readFileSync } from 'node:fs'
import { blockUntilReady, defaultDevice, init, numpy as np } from '@jax-js/jax'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const [m, n, k] = process.argv.slice(2).map(Number)
await init('wasm')
defaultDevice('wasm')
const numbers = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 37) % 201) / 100 - 1)
const x = np.array(numbers(m * k)).reshape([m, k])
const w = np.array(numbers(n * k)).reshape([n, k])
const call = async () => {
  const out = np.matmul(x.ref, np.transpose(w.ref))
  await blockUntilReady(out)
  out.dispose()
}
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
)
await serve({ versions: { 'jax-js': version } }, async (calls) => ({ milliseconds: await clock(call, calls) }))
