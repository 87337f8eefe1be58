// x · Wᵀ [m,k] · [n,k]ᵀ with jax-js on wasm: prints the milliseconds of a call as JSON.
import { readFileSync } from 'node:fs'
import { blockUntilReady, defaultDevice, init, numpy as np } from '@jax-js/jax'

const [m, n, k, calls] = process.argv.slice(2).map(Number)
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
await call()
const start = performance.now()
for (let i = 0; i < calls; i++) await call()
const milliseconds = (performance.now() - start) / calls
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
)
console.log(JSON.stringify({ version, milliseconds }))
process.exit(0)
