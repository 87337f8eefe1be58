// A LoRA step of the small Falcon with TensorFlow.js on WebGPU: loss, gradients, clipping and Adam, f32 throughout.
import { createRequire } from 'node:module'
import './node-webgpu.mjs'
import { serveSteps } from '../serve-steps.ts'
import { small, smallFalcon } from '../small-falcon.ts'

const require = createRequire(import.meta.url)
const tf = require('@tensorflow/tfjs')
require('@tensorflow/tfjs-backend-webgpu')
if (!(await tf.setBackend('webgpu'))) throw new Error('tfjs has no WebGPU backend here')
await tf.ready()
const { layers, hidden, heads, tokens, vocabulary, rank, loraAlpha, learningRate, beta1, beta2, eps, maxGradNorm } =
  small
const dim = hidden / heads
const { weights, factors, inputIds, keyBias } = smallFalcon()
const tensor = ({ shape, values }) => tf.tensor(values, [...shape])

const base = new Map([...weights].map(([name, numbers]) => [name, tensor(numbers)]))
const parameters = factors
  .flatMap(({ a, b }) => [a, b])
  .map((numbers, i) => tf.variable(tensor(numbers), true, `factor ${i}`))
const ids = tf.tensor1d(inputIds, 'int32')
const labels = tf.oneHot(tf.tensor1d(inputIds.slice(1), 'int32'), vocabulary).toFloat()
const bias = tf.tidy(() => {
  const isSeen = tf.linalg.bandPart(tf.ones([tokens, tokens]), -1, 0)
  return tf.tensor(keyBias, [heads, 1, tokens]).add(isSeen.sub(1).mul(1e30))
})
// Without weight decay AdamW is Adam.
const optimizer = tf.train.adam(learningRate, beta1, beta2, eps)

const at = (name) => [base.get(`${name}.weight`), base.get(`${name}.bias`)]
/** Not tf.fused.matMul, whose gradient would also be that of the frozen weight. */
const linear = (x, [w, b]) => tf.add(tf.matMul(x, w, false, true), b)
const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))

function layerNorm(x, [w, b]) {
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const scale = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), 1e-5))
  return tf.add(tf.mul(tf.mul(centred, scale), w), b)
}

function lossOf() {
  const embeddings = base.get('transformer.word_embeddings.weight')
  let x = tf.gather(embeddings, ids)
  for (let i = 0; i < layers; i++) {
    const h = `transformer.h.${i}`
    const [a, b] = parameters.slice(2 * i, 2 * i + 2)
    const normed = layerNorm(x, at(`${h}.input_layernorm`))
    const low = tf.matMul(normed, a, false, true)
    const qkv = tf.add(
      linear(normed, at(`${h}.self_attention.query_key_value`)),
      tf.mul(tf.matMul(low, b, false, true), loraAlpha / rank),
    )
    const [q, k, v] = tf.unstack(tf.transpose(tf.reshape(qkv, [tokens, heads, 3, dim]), [2, 1, 0, 3]))
    const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(dim)), bias)
    const heard = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [1, 0, 2]), [tokens, hidden])
    const y = tf.add(x, linear(heard, at(`${h}.self_attention.dense`)))
    const wide = linear(layerNorm(y, at(`${h}.post_attention_layernorm`)), at(`${h}.mlp.dense_h_to_4h`))
    x = tf.add(y, linear(gelu(wide), at(`${h}.mlp.dense_4h_to_h`)))
  }
  const last = tf.slice(layerNorm(x, at('transformer.ln_f')), [0, 0], [tokens - 1, hidden])
  return tf.losses.softmaxCrossEntropy(labels, tf.matMul(last, embeddings, false, true))
}

/** The loss is read after all else was queued, and the queue keeps its order: then all of it is done. */
async function step() {
  const loss = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(lossOf, parameters)
    const norm = tf.sqrt(
      Object.values(grads)
        .map((grad) => tf.sum(tf.square(grad)))
        .reduce((sum, one) => tf.add(sum, one)),
    )
    const clip = tf.minimum(tf.div(maxGradNorm, tf.add(norm, 1e-6)), 1)
    optimizer.applyGradients(
      Object.fromEntries(Object.entries(grads).map(([name, grad]) => [name, tf.mul(grad, clip)])),
    )
    return value
  })
  const [value] = await loss.data()
  loss.dispose()
  return value
}

await serveSteps({ tfjs: tf.version.tfjs }, step)
