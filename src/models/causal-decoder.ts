import { tidy } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { Device } from '../device/device.ts'
import type { Lookup } from '../nn/embedding.ts'
import { type Head, headLoss } from '../nn/language-head.ts'
import { Module } from '../nn/module.ts'
import type { NormLayer } from '../nn/norm-layer.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import { gatherRows } from '../ops/embedding.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { ModelConfig, ModelInputs, PretrainedLm } from './causal-lm.ts'
import { attentionContext, type DecoderBlock, normalised, throughBlocks } from './decoder-blocks.ts'
import type { GenerationConfig } from './generation-config.ts'
import { checkInputs, checkPackedLabels, pastOf } from './model-inputs.ts'
import type { RotaryTable } from './rotary-table.ts'

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
export abstract class CausalDecoder<Children extends object> extends Module<Children> implements PretrainedLm {
  abstract readonly config: ModelConfig
  abstract readonly loraTargets: readonly string[]
  abstract readonly cacheShape: readonly [heads: number, dim: number]
  gradientCheckpointing = false
  /** Where `loadModel` had it from; its adapters name it as their base. */
  nameOrPath: string | null = null
  revision: string | null = null
  #generationConfig: GenerationConfig | null = null

  protected abstract readonly parts: DecoderParts
  /** Rotary positions; `null` for ALiBi. */
  protected abstract readonly rotary: RotaryTable | null
  /** Keys up to its own that a query sees at most; `null`: all. */
  protected readonly slidingWindow: number | null = null

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
    this.#checked(batch, caches)
    return tidy(this.device, () => this.parts.head.forward(this.#hidden(batch, caches)))
  }

  lastLogits(batch: ModelInputs, caches?: readonly KeyValueCache[]): Tensor {
    const [rows, tokens] = this.#checked(batch, caches).shape
    return tidy(this.device, () => {
      const hidden = this.#hidden(batch, caches)
      const ends = fromArray(
        this.device,
        Int32Array.from({ length: rows }, (_, row) => (row + 1) * tokens - 1),
        [rows],
        'last rows',
      )
      return this.parts.head.forward(gatherRows(ends, hidden, [rows, hidden.columns]))
    })
  }

  loss(batch: ModelInputs, labels: Int32Array, normalizer?: number): Tensor {
    const [rows, tokens] = this.#checked(batch).shape
    check(labels instanceof Int32Array, 'config', () => `loss: labels must be an Int32Array, got ${show(labels)}`)
    check(
      labels.length === rows * tokens,
      'shape',
      () => `loss: ${labels.length} labels for ${rows} × ${tokens} tokens`,
    )
    checkPackedLabels(batch, labels)
    const next = labels.map((_, i) => (i % tokens === tokens - 1 ? -100 : (labels[i + 1] ?? -100)))
    return tidy(this.device, () => headLoss(this.parts.head, this.#hidden(batch), next, normalizer))
  }

  #checked(batch: ModelInputs, caches?: readonly KeyValueCache[]): ModelInputs {
    return checkInputs(batch, caches, this.config)
  }

  /** Hidden states f32 [b, t, c] of a batch that was checked, after the last normalisation. */
  #hidden(batch: ModelInputs, caches?: readonly KeyValueCache[]): Tensor {
    const { device, rotary, slidingWindow, gradientCheckpointing: isCheckpointing } = this
    const { embeddings, blocks, norm } = this.parts
    const { inputIds, inputsEmbeds, shape, prefixes } = batch
    const { numAttentionHeads: heads } = this.config
    const told = attentionContext(device, batch, pastOf(batch, caches), { heads, rotary, slidingWindow })
    const x = inputsEmbeds ?? embeddings.forward(fromArray(device, inputIds, shape, 'input ids'))
    return normalised(throughBlocks(blocks, x, told, { isCheckpointing, caches, prefixes }), norm).out
  }
}
