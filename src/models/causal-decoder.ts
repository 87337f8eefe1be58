import { tidy } from '../autograd/record.ts'
import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { Device } from '../device/device.ts'
import { Module } from '../nn/module.ts'
import type { KeyValueCache } from '../ops/causal-attention.ts'
import { gatherRows } from '../ops/embedding.ts'
import { linearCrossEntropy } from '../ops/linear-cross-entropy.ts'
import { linear } from '../ops/linear.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { ModelConfig, PretrainedLm, TokenBatch } from './causal-lm.ts'
import type { GenerationConfig } from './generation-config.ts'

/** A head that is not tied to the embeddings: f32, f16 or bf16 [vocab, c]. It is no `Linear`, for it is never quantised or adapted. */
export class LanguageHead extends Module<Record<never, never>, { weight: Tensor }> {
  constructor(weight: Tensor) {
    super({}, { weight })
  }
}

/** What decoders have in common: checks of a batch, the head and the loss. An architecture says how hidden states come about. */
export abstract class CausalDecoder<Children extends object> extends Module<Children> implements PretrainedLm {
  abstract readonly config: ModelConfig
  abstract readonly loraTargets: readonly string[]
  abstract readonly cacheShape: readonly [heads: number, dim: number]
  gradientCheckpointing = false
  /** Where `loadModel` had it from; its adapters name it as their base. */
  nameOrPath: string | null = null
  revision: string | null = null
  #generationConfig: GenerationConfig | null = null

  /** The table [vocab, c] whose products with hidden states are the logits. */
  protected abstract readonly head: Tensor

  /** Hidden states f32 [b, t, c] of a batch that was checked, after the last normalisation. */
  protected abstract hidden(batch: TokenBatch, past: number, caches?: readonly KeyValueCache[]): Tensor

  get device(): Device {
    return this.head.device
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

  forward(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor {
    return tidy(this.device, () => linear(this.#checkedHidden(batch, caches), this.head))
  }

  lastLogits(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor {
    return tidy(this.device, () => {
      const hidden = this.#checkedHidden(batch, caches)
      const [rows, tokens] = batch.shape
      const ends = fromArray(
        this.device,
        Int32Array.from({ length: rows }, (_, row) => (row + 1) * tokens - 1),
        [rows],
        'last rows',
      )
      return linear(gatherRows(ends, hidden, [rows, hidden.columns]), this.head)
    })
  }

  loss(batch: TokenBatch, labels: Int32Array, normalizer?: number): Tensor {
    const [rows, tokens] = this.#checked(batch).shape
    check(labels instanceof Int32Array, 'config', () => `loss: labels must be an Int32Array, got ${show(labels)}`)
    check(
      labels.length === rows * tokens,
      'shape',
      () => `loss: ${labels.length} labels for ${rows} × ${tokens} tokens`,
    )
    const next = labels.map((_, i) => (i % tokens === tokens - 1 ? -100 : (labels[i + 1] ?? -100)))
    return tidy(this.device, () => linearCrossEntropy(this.#checkedHidden(batch), this.head, next, normalizer))
  }

  #checked(batch: TokenBatch): TokenBatch {
    // A caller in JavaScript may give anything.
    const { inputIds, shape } = (batch as TokenBatch | undefined) ?? {}
    check(inputIds instanceof Int32Array && Array.isArray(shape), 'config', () => {
      const { modelType } = this.config
      return `${modelType}: a batch needs inputIds as an Int32Array and its shape as [rows, tokens], got ${show(batch)}`
    })
    return batch
  }

  #checkedHidden(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor {
    const { inputIds, shape, attentionMask } = this.#checked(batch)
    const { modelType, vocabSize } = this.config
    check(attentionMask === undefined || attentionMask instanceof Uint8Array, 'config', () => {
      return `${modelType}: attentionMask must be a Uint8Array, got ${show(attentionMask)}`
    })
    const beyond = inputIds.find((id) => id < 0 || id >= vocabSize)
    check(
      beyond === undefined,
      'config',
      () => `${modelType}: token ${beyond} is beyond the vocabulary of ${vocabSize}; is this the model's tokenizer?`,
    )
    check(
      inputIds.length === shape[0] * shape[1],
      'shape',
      () => `${modelType}: ${inputIds.length} ids for ${shape[0]} × ${shape[1]} tokens`,
    )
    const past = caches?.[0]?.length ?? 0
    const keys = shape[1] + past
    check(attentionMask === undefined || attentionMask.length === shape[0] * keys, 'shape', () => {
      return `${modelType}: an attention mask of ${attentionMask?.length} for ${shape[0]} × ${keys} keys`
    })
    return this.hidden(batch, past, caches)
  }
}
