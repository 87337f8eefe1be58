// x · Wᵀ [m,k] · [n,k]ᵀ with TensorFlow.js on wasm.
import { createRequire } from 'node:module'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs')
require('@tensorflow/tfjs-backend-wasm')
const [m, n, k] = process.argv.slice(2).map(Number)
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
await serve({ versions: { tfjs: tf.version.tfjs } }, async (calls) => ({ milliseconds: await clock(call, calls) }))
