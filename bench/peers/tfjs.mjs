// x · Wᵀ [m,k] · [n,k]ᵀ with TensorFlow.js on wasm: prints the milliseconds of a call as JSON.
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs')
require('@tensorflow/tfjs-backend-wasm')
const [m, n, k, calls] = process.argv.slice(2).map(Number)
await tf.setBackend('wasm')
await tf.ready()
const numbers = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 37) % 201) / 100 - 1)
const x = tf.tensor2d(numbers(m * k), [m, k])
const w = tf.tensor2d(numbers(n * k), [n, k])
const call = async () => {
  const out = tf.matMul(x, w, false, true)
  await out.data()
  out.dispose()
}
await call()
const start = performance.now()
for (let i = 0; i < calls; i++) await call()
console.log(JSON.stringify({ version: tf.version.tfjs, milliseconds: (performance.now() - start) / calls }))
