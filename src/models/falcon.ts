import { checkpointed } from '../autograd/checkpointed.ts'
import { block } from '../autograd/record.ts'
import { check, MedAwareError } from '../core/errors.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import { Embedding } from '../nn/embedding.ts'
import { LayerNorm } from '../nn/layer-norm.ts'
import { Linear, type Projection } from '../nn/linear.ts'
import { Module, ModuleList, type Weight } from '../nn/module.ts'
import { add } from '../ops/add.ts'
import { causalAttention, type KeyValueCache } from '../ops/causal-attention.ts'
import { gatherRows } from '../ops/embedding.ts'
import { gelu } from '../ops/gelu.ts'
import { linearCrossEntropy } from '../ops/linear-cross-entropy.ts'
import { linear } from '../ops/linear.ts'
import { fromArray, Tensor } from '../tensor/tensor.ts'
import { alibiTable } from './alibi.ts'
import type { CausalLm, TokenBatch, WeightSpec } from './causal-lm.ts'
import type { FalconConfig } from './falcon-config.ts'

/**
 * Falcon-RW as transformers computes it with sdpa (modeling_falcon.py): ALiBi, heads interleaved in the fused projection,
 * attention and MLP in sequence, exact GELU, a head tied to the embeddings. Module names are the checkpoint's.
 */
export class FalconForCausalLM extends Module<{ transformer: FalconModel }> implements CausalLm {
  readonly device: Device
  gradientCheckpointing = false

  /** @throws MedAwareError `not-found` when `weights` lacks one of `falconWeights(config)`. */
  constructor(
    readonly config: FalconConfig,
    weights: ReadonlyMap<string, Weight>,
  ) {
    const transformer = new FalconModel(config, weights)
    super({ transformer }, {})
    this.device = this.#embeddings.weights.weight.device
  }

  get layers(): number {
    return this.config.numHiddenLayers
  }

  get vocabSize(): number {
    return this.config.vocabSize
  }

  get cacheShape(): readonly [number, number] {
    const { hiddenSize, numAttentionHeads } = this.config
    return [numAttentionHeads, hiddenSize / numAttentionHeads]
  }

  get #embeddings(): Embedding {
    return this.modules.transformer.modules.word_embeddings
  }

  forward(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor {
    return block(this.device, () => linear(this.#hidden(batch, caches), this.#embeddings.weights.weight))
  }

  lastLogits(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor {
    return block(this.device, () => {
      const hidden = this.#hidden(batch, caches)
      const [rows, tokens] = batch.shape
      const ends = fromArray(
        this.device,
        Int32Array.from({ length: rows }, (_, row) => (row + 1) * tokens - 1),
        [rows],
        'last rows',
      )
      const last = gatherRows(ends, hidden, [rows, hidden.columns])
      return linear(last, this.#embeddings.weights.weight)
    })
  }

  loss(batch: TokenBatch, labels: Int32Array, normalizer?: number): Tensor {
    const [rows, tokens] = batch.shape
    check(
      labels.length === rows * tokens,
      'shape',
      () => `loss: ${labels.length} labels for ${rows} × ${tokens} tokens`,
    )
    const next = labels.map((_, i) => (i % tokens === tokens - 1 ? -100 : (labels[i + 1] ?? -100)))
    return block(this.device, () =>
      linearCrossEntropy(this.#hidden(batch), this.#embeddings.weights.weight, next, normalizer),
    )
  }

  #hidden(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor {
    const { inputIds, shape, attentionMask } = batch
    const { vocabSize, numAttentionHeads: heads } = this.config
    const beyond = inputIds.find((id) => id < 0 || id >= vocabSize)
    check(
      beyond === undefined,
      'config',
      () => `falcon: token ${beyond} is beyond the vocabulary of ${vocabSize}; is this the model's tokenizer?`,
    )
    check(
      inputIds.length === shape[0] * shape[1],
      'shape',
      () => `falcon: ${inputIds.length} ids for ${shape[0]} × ${shape[1]} tokens`,
    )
    const keys = shape[1] + (caches?.[0]?.length ?? 0)
    check(attentionMask === undefined || attentionMask.length === shape[0] * keys, 'shape', () => {
      return `falcon: an attention mask of ${attentionMask?.length} for ${shape[0]} × ${keys} keys`
    })
    const table = alibiTable(shape[0], keys, heads, attentionMask)
    const alibi = fromArray(this.device, table, [table.length], 'alibi')
    const ids = fromArray(this.device, inputIds, shape, 'input ids')
    return this.modules.transformer.forward(ids, alibi, this.gradientCheckpointing, caches)
  }
}

/** The decoder without its head. */
class FalconModel extends Module<{ word_embeddings: Embedding; h: ModuleList<FalconDecoderLayer>; ln_f: LayerNorm }> {
  constructor(config: FalconConfig, weights: ReadonlyMap<string, Weight>) {
    const get = new WeightPicker(weights, 'transformer.')
    const layers = Array.from(
      { length: config.numHiddenLayers },
      (_, i) => new FalconDecoderLayer(config, get.under(`h.${i}.`)),
    )
    super(
      {
        word_embeddings: new Embedding(get.tensor('word_embeddings.weight')),
        h: new ModuleList(layers),
        ln_f: get.layerNorm('ln_f', config),
      },
      {},
    )
  }

  /** ids i32 [b,t] to hidden states f32 [b,t,c]. */
  forward(ids: Tensor, alibi: Tensor, isCheckpointing: boolean, caches?: readonly KeyValueCache[]): Tensor {
    let x = this.modules.word_embeddings.forward(ids)
    let i = 0
    for (const layer of this.modules.h) {
      const cache = caches?.[i++]
      const input = x
      const work = () => layer.forward(input, alibi, cache)
      x = isCheckpointing
        ? checkpointed(x.device, { inputs: [input, alibi], trainable: layer.trainable() }, work)
        : block(x.device, work)
    }
    return this.modules.ln_f.forward(x)
  }
}

class FalconDecoderLayer extends Module<{
  input_layernorm: LayerNorm
  self_attention: FalconAttention
  post_attention_layernorm: LayerNorm
  mlp: FalconMlp
}> {
  constructor(config: FalconConfig, get: WeightPicker) {
    super(
      {
        input_layernorm: get.layerNorm('input_layernorm', config),
        self_attention: new FalconAttention(config, get.under('self_attention.')),
        post_attention_layernorm: get.layerNorm('post_attention_layernorm', config),
        mlp: new FalconMlp(get.under('mlp.')),
      },
      {},
    )
  }

  /** x f32 [b,t,c] to the same shape. */
  forward(x: Tensor, alibi: Tensor, cache?: KeyValueCache): Tensor {
    const { input_layernorm, self_attention, post_attention_layernorm, mlp } = this.modules
    const attended = self_attention.forward(input_layernorm.forward(x), alibi, cache)
    const { y, out } = post_attention_layernorm.afterSum(x, attended)
    return add(y, mlp.forward(out))
  }
}

class FalconAttention extends Module<{ query_key_value: Projection; dense: Projection }> {
  readonly #heads: number
  readonly #dim: number

  constructor(config: FalconConfig, get: WeightPicker) {
    super({ query_key_value: get.linear('query_key_value'), dense: get.linear('dense') }, {})
    this.#heads = config.numAttentionHeads
    this.#dim = config.hiddenSize / config.numAttentionHeads
  }

  forward(x: Tensor, alibi: Tensor, cache?: KeyValueCache): Tensor {
    // Falcon alone divides ALiBi by sqrt(dim), like the scores.
    const layout = { heads: this.#heads, kvHeads: this.#heads, dim: this.#dim, alibiScale: 1 / Math.sqrt(this.#dim) }
    return this.modules.dense.forward(causalAttention(this.modules.query_key_value.forward(x), alibi, layout, cache))
  }
}

class FalconMlp extends Module<{ dense_h_to_4h: Projection; dense_4h_to_h: Projection }> {
  constructor(get: WeightPicker) {
    super({ dense_h_to_4h: get.linear('dense_h_to_4h'), dense_4h_to_h: get.linear('dense_4h_to_h') }, {})
  }

  forward(x: Tensor): Tensor {
    return this.modules.dense_4h_to_h.forward(gelu(this.modules.dense_h_to_4h.forward(x)))
  }
}

/** Every parameter of a Falcon-RW by its checkpoint key, in the order of the file. */
export function falconWeights(config: FalconConfig): readonly WeightSpec[] {
  const { vocabSize: v, hiddenSize: c, ffnHiddenSize: f, numHiddenLayers } = config
  const matrix = (name: string, shape: Shape): WeightSpec => ({ name, shape, role: 'projection', init: 'normal' })
  const vector = (name: string, size: number, init: 'ones' | 'zeros'): WeightSpec => ({
    name,
    shape: [size],
    role: 'vector',
    init,
  })
  const projection = (name: string, out: number, into: number) => [
    matrix(`${name}.weight`, [out, into]),
    vector(`${name}.bias`, out, 'zeros'),
  ]
  const norm = (name: string) => [vector(`${name}.weight`, c, 'ones'), vector(`${name}.bias`, c, 'zeros')]
  const layers = Array.from({ length: numHiddenLayers }, (_, i) => `transformer.h.${i}`).flatMap((h) => [
    ...norm(`${h}.input_layernorm`),
    ...projection(`${h}.self_attention.query_key_value`, 3 * c, c),
    ...projection(`${h}.self_attention.dense`, c, c),
    ...norm(`${h}.post_attention_layernorm`),
    ...projection(`${h}.mlp.dense_h_to_4h`, f, c),
    ...projection(`${h}.mlp.dense_4h_to_h`, c, f),
  ])
  const embeddings: WeightSpec = {
    name: 'transformer.word_embeddings.weight',
    shape: [v, c],
    role: 'embedding',
    init: 'normal',
  }
  return [embeddings, ...layers, ...norm('transformer.ln_f')]
}

/** Takes weights by their key below a prefix. */
class WeightPicker {
  constructor(
    private readonly weights: ReadonlyMap<string, Weight>,
    private readonly prefix: string,
  ) {}

  under(name: string): WeightPicker {
    return new WeightPicker(this.weights, this.prefix + name)
  }

  tensor(name: string): Tensor {
    const weight = this.weight(name)
    if (weight instanceof Tensor) return weight
    throw new MedAwareError('unsupported', `falcon: ${this.prefix}${name} cannot be quantised`)
  }

  linear(name: string): Projection {
    return new Linear(this.weight(`${name}.weight`), this.tensor(`${name}.bias`))
  }

  layerNorm(name: string, config: FalconConfig): LayerNorm {
    return new LayerNorm(this.tensor(`${name}.weight`), this.tensor(`${name}.bias`), config.layerNormEpsilon)
  }

  private weight(name: string): Weight {
    const weight = this.weights.get(this.prefix + name)
    if (weight === undefined) throw new MedAwareError('not-found', `falcon: no weight ${this.prefix}${name}`)
    return weight
  }
}
