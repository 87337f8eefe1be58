// A LoRA step of the small Falcon with jax-js on WebGPU: loss, gradients, clipping and AdamW under one jit, f32
// throughout.
import { readFileSync } from 'node:fs'
import './node-webgpu.mjs'
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, tree, valueAndGrad } from '@jax-js/jax'
import { serveSteps } from '../serve-steps.ts'
import { biasCorrections, small, smallFalcon } from '../small-falcon.ts'

await init('webgpu')
defaultDevice('webgpu')
const { layers, hidden, heads, tokens, vocabulary, rank, loraAlpha, beta1, beta2, eps, maxGradNorm } = small
const dim = hidden / heads
const { weights, factors, inputIds, keyBias } = smallFalcon()
const array = ({ shape, values }) => np.array(values).reshape([...shape])

const base = Object.fromEntries([...weights].map(([name, numbers]) => [name, array(numbers)]))
const batch = {
  ids: np.array(inputIds),
  labels: np.array(inputIds.slice(1)),
  keyBias: np.array(keyBias).reshape([heads, 1, tokens]),
}
let parameters = factors.flatMap(({ a, b }) => [array(a), array(b)])
let moments = factors
  .flatMap(({ a, b }) => [a, b])
  .map(({ shape }) => ({ m: np.zeros([...shape]), v: np.zeros([...shape]) }))

const linear = (x, w, b) => np.matmul(x, np.transpose(w)).add(b)
const layerNorm = (x, w, b) => nn.standardize(x, -1, { epsilon: 1e-5 }).mul(w).add(b)

/** Every array that is given is used up, as jax-js wants it. */
function lossOf(parameters, w, { ids, labels, keyBias }) {
  const of = (name, f, x) => f(x, w[`${name}.weight`], w[`${name}.bias`])
  const embeddings = w['transformer.word_embeddings.weight']
  const isSeen = np.tri(tokens, tokens, 0, { dtype: np.bool })
  let x = np.take(embeddings.ref, ids, 0)
  for (let i = 0; i < layers; i++) {
    const h = `transformer.h.${i}`
    const [a, b] = parameters.slice(2 * i, 2 * i + 2)
    const normed = of(`${h}.input_layernorm`, layerNorm, x.ref)
    const low = np.matmul(normed.ref, np.transpose(a))
    const qkv = of(`${h}.self_attention.query_key_value`, linear, normed).add(
      np.matmul(low, np.transpose(b)).mul(loraAlpha / rank),
    )
    const parts = qkv.reshape([tokens, heads, 3, dim]).transpose([2, 1, 0, 3])
    const [q, k, v] = [parts.ref.slice(0), parts.ref.slice(1), parts.slice(2)]
    const scores = np
      .matmul(q, np.matrixTranspose(k))
      .mul(1 / Math.sqrt(dim))
      .add(keyBias.ref)
    const seen = nn.softmax(np.where(isSeen.ref, scores, -1e30), -1)
    const heard = np.matmul(seen, v).transpose([1, 0, 2]).reshape([tokens, hidden])
    const y = x.add(of(`${h}.self_attention.dense`, linear, heard))
    const wide = of(`${h}.mlp.dense_h_to_4h`, linear, of(`${h}.post_attention_layernorm`, layerNorm, y.ref))
    x = y.add(of(`${h}.mlp.dense_4h_to_h`, linear, nn.gelu(wide, { approximate: false })))
  }
  keyBias.dispose()
  isSeen.dispose()
  const last = of('transformer.ln_f', layerNorm, x).slice([0, tokens - 1])
  const logits = np.matmul(last, np.transpose(embeddings))
  const chosen = nn.oneHot(labels, vocabulary).mul(logits.ref).sum(-1)
  return nn.logsumexp(logits, -1).sub(chosen).mean()
}

const stepOf = jit((parameters, moments, base, batch, corrections) => {
  const [loss, grads] = valueAndGrad(lossOf)(tree.ref(parameters), base, batch)
  const norm = np.sqrt(grads.map((grad) => np.square(grad.ref).sum()).reduce((sum, one) => sum.add(one)))
  const clip = np.minimum(np.reciprocal(norm.add(1e-6)).mul(maxGradNorm), 1)
  const [size, root2] = [corrections.ref.slice(0), corrections.slice(1)]
  const after = parameters.map((parameter, i) => {
    const grad = grads[i].mul(clip.ref)
    const m = moments[i].m.mul(beta1).add(grad.ref.mul(1 - beta1))
    const v = moments[i].v.mul(beta2).add(np.square(grad).mul(1 - beta2))
    const change = m.ref.div(np.sqrt(v.ref).div(root2.ref).add(eps)).mul(size.ref)
    return { parameter: parameter.sub(change), m, v }
  })
  for (const one of [clip, size, root2]) one.dispose()
  return { loss, after }
})

let steps = 0
async function step() {
  const { size, root2 } = biasCorrections(++steps)
  const { loss, after } = stepOf(parameters, moments, tree.ref(base), tree.ref(batch), np.array([size, root2]))
  parameters = after.map(({ parameter }) => parameter)
  moments = after.map(({ m, v }) => ({ m, v }))
  await blockUntilReady([parameters, moments])
  return (await loss.data())[0]
}

const { version } = JSON.parse(
  readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
)
await serveSteps({ 'jax-js': version }, step)
