import { tidy } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { Device } from '../device/device.ts'
import type { Lookup } from '../nn/embedding.ts'
import { type Head, headLogProbs, headLoss } from '../nn/language-head.ts'
import { Module } from '../nn/module.ts'
import type { NormLayer } from '../nn/norm-layer.ts'
import { NoPrompt, type PromptEncoder } from '../nn/prompt.ts'
import { concat } from '../ops/array/concat.ts'
import { expand } from '../ops/array/expand.ts'
import { slice } from '../ops/array/slice.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import { gatherRows } from '../ops/embedding.ts'
import { noise } from '../ops/noise.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { EmbeddingNoise, ModelConfig, ModelInputs, PretrainedLm } from './causal-lm.ts'
import { behindPrompt } from './behind-prompt.ts'
import { type DecoderBlock, normalised, throughBlocks } from './decoder-blocks.ts'
import type { GenerationConfig } from './generation-config.ts'
import { checkInputs, checkPackedLabels } from './model-inputs.ts'
import { attentionContexts, type Positions } from './positions/attention-contexts.ts'

/** What a decoder is made of. */
export interface DecoderParts {
  readonly embeddings: Lookup
  readonly blocks: Iterable<DecoderBlock>
  /** After the last block. */
  readonly norm: NormLayer
  /** A `LanguageHead` of its own, or a `TiedHead` where the embeddings are the head. */
  readonly head: Head
}

/**
 * What decoders have in common: checks of a batch, embeddings, the way through the blocks, the head and the loss. An
 * architecture says what it is made of.
 */
export abstract class CausalDecoder<Children extends object>
  extends Module<Children & { readonly prompt_encoder: PromptEncoder }>
  implements PretrainedLm
{
  abstract readonly config: ModelConfig
  abstract readonly loraTargets: readonly string[]
  abstract readonly cacheShape: readonly [heads: number, dim: number]
  gradientCheckpointing = false
  embeddingNoise: EmbeddingNoise | null = null
  /** Where `loadModel` had it from; its adapters name it as their base. */
  nameOrPath: string | null = null
  revision: string | null = null
  #generationConfig: GenerationConfig | null = null

  protected abstract readonly parts: DecoderParts
  /** Of each block; `everyBlock` makes them of one. */
  protected abstract readonly positions: readonly Positions[]

  /** @param children An architecture's own. Beside them is the place of a prompt, which an adapter may take. */
  constructor(children: Children, weights: Record<never, never> = {}) {
    super({ ...children, prompt_encoder: new NoPrompt() }, weights)
  }

  get virtualTokens(): number {
    return this.modules.prompt_encoder.virtualTokens
  }

  get predictsFirst(): boolean {
    return this.modules.prompt_encoder.isOfVectors
  }

  getInputEmbeddings(): Lookup {
    return this.parts.embeddings
  }

  getOutputEmbeddings(): Head {
    return this.parts.head
  }

  get device(): Device {
    return this.parts.head.table.device
  }

  get generationConfig(): GenerationConfig {
    return this.#generationConfig ?? { eosTokenId: [this.config.eosTokenId ?? []].flat() }
  }

  set generationConfig(config: GenerationConfig) {
    this.#generationConfig = config
  }

  get numHiddenLayers(): number {
    return this.config.numHiddenLayers
  }

  get vocabSize(): number {
    return this.config.vocabSize
  }

  forward(batch: ModelInputs, caches?: readonly KeyValueCache[]): Tensor {
    const [, tokens] = this.#checked(batch, caches).shape
    return tidy(this.device, () => {
      const hidden = this.#hidden(batch, caches)
      const before = rowsOfSample(hidden) - tokens
      return this.parts.head.forward(before === 0 ? hidden : slice(hidden, 1, before))
    })
  }

  lastLogits(batch: ModelInputs, caches?: readonly KeyValueCache[]): Tensor {
    const [rows] = this.#checked(batch, caches).shape
    return tidy(this.device, () => {
      const hidden = this.#hidden(batch, caches)
      const width = rowsOfSample(hidden)
      const ends = fromArray(
        this.device,
        Int32Array.from({ length: rows }, (_, row) => (row + 1) * width - 1),
        [rows],
        'last rows',
      )
      return this.parts.head.forward(gatherRows(ends, hidden, [rows, hidden.columns]))
    })
  }

  loss(batch: ModelInputs, labels: Int32Array, normalizer?: number, smoothing = 0): Tensor {
    return this.#predicting('loss', batch, labels, (head, hidden, next) => {
      return headLoss(head, hidden, next, normalizer, smoothing)
    })
  }

  logProbs(batch: ModelInputs, labels: Int32Array): Tensor {
    return this.#predicting('logProbs', batch, labels, headLogProbs)
  }

  /** What comes of the hidden states of a batch and of what each is to predict. */
  #predicting(
    who: string,
    batch: ModelInputs,
    labels: Int32Array,
    work: (head: Head, hidden: Tensor, next: Int32Array) => Tensor,
  ): Tensor {
    const [rows, tokens] = this.#checked(batch).shape
    check(labels instanceof Int32Array, 'config', () => `${who}: labels must be an Int32Array, got ${show(labels)}`)
    const isFit = labels.length === rows * tokens
    check(isFit, 'shape', () => `${who}: ${labels.length} labels for ${rows} × ${tokens} tokens`)
    checkPackedLabels(batch, labels)
    return tidy(this.device, () => {
      const hidden = this.#hidden(batch)
      return work(this.parts.head, hidden, nextLabels(labels, [rows, tokens], rowsOfSample(hidden) - tokens))
    })
  }

  #checked(batch: ModelInputs, caches?: readonly KeyValueCache[]): ModelInputs {
    return checkInputs(batch, caches, this.config)
  }

  /**
   * Hidden states after the last normalisation, of a batch that was checked: f32 [b, t, c], or [b, n + t, c] where
   * vectors of the model's prompt stood before the tokens.
   */
  #hidden(batch: ModelInputs, given?: readonly KeyValueCache[]): Tensor {
    const { device, positions, gradientCheckpointing: isCheckpointing } = this
    const { embeddings, blocks, norm } = this.parts
    const { inputIds, inputsEmbeds, shape } = batch
    const { numAttentionHeads: heads, modelType } = this.config
    const { layout, past, caches, vectors } = behindPrompt(modelType, this.modules.prompt_encoder, batch, given)
    const told = attentionContexts(device, layout, past, { heads, positions })
    const own = inputsEmbeds ?? this.#noisy(embeddings.forward(fromArray(device, inputIds, shape, 'input ids')))
    const x = vectors === null ? own : concat(expand(vectors, [shape[0], ...vectors.shape]), own, 1)
    const { prefixes } = layout
    return normalised(throughBlocks(blocks, x, told, { isCheckpointing, caches, prefixes }), norm).out
  }

  #noisy(x: Tensor): Tensor {
    const { training, embeddingNoise } = this
    if (!training || embeddingNoise === null) return x
    return noise(x, embeddingNoise.alpha / Math.sqrt(rowsOfSample(x) * x.columns), embeddingNoise.seed)
  }
}

function rowsOfSample({ shape }: Tensor): number {
  return shape[1] ?? 0
}

/**
 * What each row of hidden states is to predict, with `before` of them before a text's own: a prompt's last says its
 * first.
 */
function nextLabels(labels: Int32Array, [rows, tokens]: readonly [number, number], before: number): Int32Array {
  const width = before + tokens
  return Int32Array.from({ length: rows * width }, (_, i) => {
    const token = (i % width) + 1 - before
    return token < 0 || token >= tokens ? -100 : (labels[Math.floor(i / width) * tokens + token] ?? -100)
  })
}
