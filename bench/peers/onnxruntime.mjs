// x · W of f32 (f32-nn) or x · Wᵀ of NF4 (nf4) with ONNX Runtime's WebGPU provider, which must not fall back to the
// CPU.
import { createRequire } from 'node:module'
import { serve } from '../serve.ts'
import { clock } from '../stats.ts'
import { model } from './onnx.mjs'

const ort = createRequire(import.meta.url)('onnxruntime-node')
const [work, ...sizes] = process.argv.slice(2)
const [m, n, k] = sizes.map(Number)
const numbers = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 37) % 201) / 100 - 1)
const common = { inputs: [['x', [m, k]]], outputShape: [m, n] }
const blockSize = 64
const bytes =
  work === 'nf4'
    ? model({
        ...common,
        op: 'MatMulBnb4',
        domain: 'com.microsoft',
        attributes: { K: k, N: n, block_size: blockSize, quant_type: 1 },
        weights: [
          ['codes', [(n * k) / 2], Uint8Array.from({ length: (n * k) / 2 }, (_, i) => (i * 37) % 251)],
          ['absmax', [(n * k) / blockSize], numbers((n * k) / blockSize)],
        ],
      })
    : model({ ...common, op: 'MatMul', weights: [['w', [k, n], numbers(k * n)]] })
const session = await ort.InferenceSession.create(bytes, {
  executionProviders: ['webgpu'],
  extra: { session: { disable_cpu_ep_fallback: '1' } },
})
const feeds = { x: new ort.Tensor('float32', numbers(m * k), [m, k]) }
const call = async () => {
  const { y } = await session.run(feeds)
  y.dispose()
}
await call()
await serve({ versions: { 'onnxruntime-node': ort.env.versions.node ?? ort.env.versions.common } }, async (calls) => ({
  milliseconds: await clock(call, calls),
}))
