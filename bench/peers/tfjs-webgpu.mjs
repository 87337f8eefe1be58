// x · Wᵀ (f32-nt), dY · W (f32-nn) or a LoRA linear, forward and backward (lora), with TensorFlow.js on WebGPU.
import { createRequire } from 'node:module'
import { numbers, workOf } from './node-webgpu.mjs'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs')
require('@tensorflow/tfjs-backend-webgpu')
const { work, m, n, k } = workOf()
if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs has no WebGPU backend here')
await tf.ready()
const matrix = (rows, columns) => tf.tensor2d(numbers(rows * columns), [rows, columns])
const times = work === 'lora' ? lora() : product()
await times()
await serve({ versions: { tfjs: tf.version.tfjs } }, async (calls) => ({ milliseconds: await clock(times, calls) }))

/**
 * Reads them, which is the only way to wait for the device: tfjs hands on what its queue has before the work is done.
 */
async function finish(tensors) {
  await Promise.all(tensors.map((one) => one.data()))
}

function product() {
  const x = matrix(m, k)
  const w = work === 'f32-nt' ? matrix(n, k) : matrix(k, n)
  return async () => {
    const out = tf.matMul(x, w, false, work === 'f32-nt')
    await finish([out])
    out.dispose()
  }
}

function lora() {
  const r = 8
  const [x, w, a, b, dY] = [matrix(m, k), matrix(n, k), matrix(r, k), matrix(n, r), matrix(m, n)]
  const forward = (x, a, b) =>
    tf.add(tf.matMul(x, w, false, true), tf.mul(tf.matMul(tf.matMul(x, a, false, true), b, false, true), 2))
  const f = tf.grads(forward)
  return async () => {
    const grads = f([x, a, b], dY)
    await finish(grads)
    for (const one of grads) one.dispose()
  }
}
