// x · Wᵀ (f32-nt), dY · W (f32-nn) or a LoRA linear, forward and backward (lora), with jax-js on WebGPU.
import { readFileSync } from 'node:fs'
import { numbers, workOf } from './node-webgpu.mjs'
import { blockUntilReady, defaultDevice, grad, init, jit, numpy as np } from '@jax-js/jax'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'

const { work, m, n, k } = workOf()
await init('webgpu')
defaultDevice('webgpu')
const array = (rows, columns) => np.array(numbers(rows * columns)).reshape([rows, columns])
const times = work === 'lora' ? lora() : product()
await times()
const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
)
await serve({ versions: { 'jax-js': version } }, async (calls) => ({ milliseconds: await clock(times, calls) }))

function product() {
  const x = array(m, k)
  const w = work === 'f32-nt' ? array(n, k) : array(k, n)
  const f = jit((x, w) => np.matmul(x, work === 'f32-nt' ? np.transpose(w) : w))
  return async () => {
    const out = f(x.ref, w.ref)
    await blockUntilReady(out)
    out.dispose()
  }
}

function lora() {
  const r = 8
  const [x, w, a, b, dY] = [array(m, k), array(n, k), array(r, k), array(n, r), array(m, n)]
  const loss = (x, a, b, w, dY) => {
    const low = np.matmul(x.ref, np.transpose(a))
    const y = np.matmul(x, np.transpose(w)).add(np.matmul(low, np.transpose(b)).mul(2))
    return y.mul(dY).sum()
  }
  const f = jit(grad(loss, { argnums: [0, 1, 2] }))
  return async () => {
    const grads = f(x.ref, a.ref, b.ref, w.ref, dY.ref)
    await blockUntilReady(grads)
    for (const one of grads) one.dispose()
  }
}
