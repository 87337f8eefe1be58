import { type Rule, withMethods } from '../core/options.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { Module } from '../nn/module.ts'
import type { KeyValueCache } from '../ops/causal-attention.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { FalconConfig } from './falcon-config.ts'
import type { GenerationConfig } from './generation-config.ts'
import type { LlamaConfig } from './llama-config.ts'

/** What a model of a known architecture is made of; `modelType` says which it is. */
export type ModelConfig = FalconConfig | LlamaConfig

/** Token ids for a model, on the host. */
export interface TokenBatch {
  /** [b · t] ids, row by row. */
  readonly inputIds: Int32Array
  /** [b, t]. */
  readonly shape: readonly [number, number]
  /** [b · keys] bytes, 0 for padding, covering the cache's tokens as well; absent when nothing is padded. */
  readonly attentionMask?: Uint8Array
}

/** A decoder that predicts the next token: what training, generation and evaluation need of any architecture. */
export interface CausalLm extends Module {
  readonly device: Device
  /** Decoder blocks, each with a cache of its own. */
  readonly numHiddenLayers: number
  readonly vocabSize: number
  /** Key and value heads, and channels of each. */
  readonly cacheShape: readonly [heads: number, dim: number]
  /**
   * Whether training keeps only the input of each decoder block and computes the rest again on the way back: less memory
   * for about a third more work, and the same bits. transformers' gradient_checkpointing_enable. Default false.
   */
  gradientCheckpointing: boolean
  /** What generating goes by where its options do not say: `loadModel` reads it; it may be set. */
  generationConfig?: GenerationConfig
  /** Logits of every token: f32 [b, t, vocab]. */
  forward(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor
  /** Logits of each row's last token: f32 [b, vocab]. */
  lastLogits(batch: TokenBatch, caches?: readonly KeyValueCache[]): Tensor
  /**
   * Σ cross-entropy of each token against the label after it, over labels that are not negative, divided by `normalizer`
   * (default: their number): f32 [1].
   */
  loss(batch: TokenBatch, labels: Int32Array, normalizer?: number): Tensor
}

/** Where a model is found again, as transformers' name_or_path says. */
export interface ModelOrigin {
  /** A repository's name on the Hugging Face Hub, or a path. */
  nameOrPath: string | null
  /** A branch, a tag or a commit of the repository, where it is not main. */
  revision: string | null
}

/** A `CausalLm` of a known architecture: what can be loaded, planned, saved and adapted. */
export interface PretrainedLm extends CausalLm, ModelOrigin {
  readonly config: ModelConfig
  /** What LoRA adapts where it is not told otherwise, as PEFT chooses by architecture. */
  readonly loraTargets: readonly string[]
}

/** A model that a caller gives. */
export const modelRule: Rule<PretrainedLm> = withMethods<PretrainedLm>('a model, such as loadModel gives', [
  'forward',
  'namedWeights',
])

/** One parameter an architecture expects. */
export interface WeightSpec {
  /** Its key in a checkpoint. */
  readonly name: string
  readonly shape: Shape
  /** Projections may be stored in 4 or 8 bits, the rest, the head too, may not. */
  readonly role: 'projection' | 'embedding' | 'vector'
  /** How it starts when trained from nothing: N(0, initializer_range²), 0 or 1. */
  readonly init: 'normal' | 'zeros' | 'ones'
}
