import { type Rule, withMethods } from '../core/options.ts'
import type { Shape } from '../core/shape.ts'
import type { Device } from '../device/device.ts'
import type { Lookup } from '../nn/embedding.ts'
import type { Head } from '../nn/language-head.ts'
import type { Module } from '../nn/module.ts'
import type { KeyValueCache } from '../ops/attention.ts'
import type { KeyValuePrefix } from '../ops/key-value-prefix.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { GenerationConfig } from './generation-config.ts'

/**
 * What a model is made of, as far as every architecture has it, in the words of Hugging Face's config.json. Each
 * architecture adds its own; `modelType` says which it is.
 */
export interface ModelConfig {
  readonly modelType: string
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly numHiddenLayers: number
  readonly numAttentionHeads: number
  /** Whether the table of embeddings is the head as well. */
  readonly tieWordEmbeddings: boolean
  /** Tokens of the longest text it was trained on. */
  readonly maxPositionEmbeddings: number
  /** Deviation of the weights that it starts from when it is trained from nothing. */
  readonly initializerRange: number
  readonly bosTokenId: number | readonly number[] | null
  readonly eosTokenId: number | readonly number[] | null
}

/** What a model is told of a batch beside its tokens. */
export interface BatchLayout {
  /** [b, t]. */
  readonly shape: readonly [number, number]
  /**
   * [b · keys] bytes, 0 for padding, covering a cache's or a prefix's tokens as well; absent when nothing is padded.
   */
  readonly attentionMask?: Uint8Array
  /**
   * [b · t], where each token stands, as transformers' position_ids. Where a position does not follow the one before
   * it, another document begins, and none sees another (DataCollatorWithFlattening, TRL's padding_free); behind a cache
   * or beside an attentionMask positions are positions and no more. Default: they count on behind what is in a cache or
   * a prefix.
   */
  readonly positionIds?: Int32Array
  /**
   * Keys and values that stand before the tokens' own, one for each decoder block; beside caches only while these are
   * empty, and not in a model that has a prompt of its own. Default none.
   */
  readonly prefixes?: readonly KeyValuePrefix[]
}

/** Token ids for a model, on the host. */
export interface TokenBatch extends BatchLayout {
  /** [b · t] ids, row by row. */
  readonly inputIds: Int32Array
  readonly inputsEmbeds?: never
}

/** Vectors in the place of tokens, such as virtual tokens before those of a text (transformers' inputs_embeds). */
export interface EmbeddedBatch extends BatchLayout {
  /** f32 [b, t, c], on the model's device. A gradient reaches it where it wants one. It stays the caller's. */
  readonly inputsEmbeds: Tensor
  readonly inputIds?: never
}

/** What a model reads: token ids, or what stands for their embeddings. */
export type ModelInputs = TokenBatch | EmbeddedBatch

/** How much noise, and which. */
export interface EmbeddingNoise {
  readonly alpha: number
  readonly seed: number
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
   * Virtual tokens that stand before every text. They have room in its caches, and are counted nowhere else: not in
   * batches, masks and positions, nor in what comes of them. Default 0.
   */
  readonly virtualTokens?: number
  /** Whether a row's first token is predicted as well: by the last of a prompt's vectors before it. Default false. */
  readonly predictsFirst?: boolean
  /**
   * Whether training keeps only the input of each decoder block and computes the rest again on the way back: less
   * memory for about a third more work, and the same bits. transformers' gradient_checkpointing_enable. Default false.
   */
  gradientCheckpointing: boolean
  /**
   * Noise on the embeddings of tokens while training (NEFTune, arXiv 2310.05914; transformers'
   * integrations/neftune.py): uniform within alpha / √(t c) for t tokens of a row, padding included, and c channels. A
   * run sets it anew for each forward pass. Absent from a model that has none; default null.
   */
  embeddingNoise?: EmbeddingNoise | null
  /** What generating goes by where its options do not say: `loadModel` reads it; it may be set. */
  generationConfig?: GenerationConfig
  /** Logits of every token: f32 [b, t, vocab]. */
  forward(batch: ModelInputs, caches?: readonly KeyValueCache[]): Tensor
  /** Logits of each row's last token: f32 [b, vocab]. */
  lastLogits(batch: ModelInputs, caches?: readonly KeyValueCache[]): Tensor
  /**
   * Σ cross-entropy of each token against the label after it, over labels that are not negative, divided by
   * `normalizer` (default: their number): f32 [1]. With `smoothing` from 0 to 1 all tokens are wanted by that share
   * alike, the label by the rest (transformers' LabelSmoother); default 0.
   */
  loss(batch: ModelInputs, labels: Int32Array, normalizer?: number, smoothing?: number): Tensor
  /**
   * Log-probability of each label by what stands before it, in nats: f32 [b, t], at the place before the label, 0 where
   * the label after is negative. Rows are longer by the vectors of the model's prompt. A row's sum is the logarithm of
   * the probability of its labels together.
   */
  logProbs(batch: ModelInputs, labels: Int32Array): Tensor
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
  /** What makes vectors f32 [..., c] of ids i32 [...]: what `inputsEmbeds` stands for. */
  getInputEmbeddings(): Lookup
  /** The head, which makes logits of hidden states; its table is the embeddings' where it is tied to them. */
  getOutputEmbeddings(): Head
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
  /** Projections can be quantised; embeddings, which are tables and heads, stay in blocks that a file has. */
  readonly role: 'projection' | 'embedding' | 'vector'
  /** How it starts when trained from nothing: N(0, initializer_range²), 0 or 1. */
  readonly init: 'normal' | 'zeros' | 'ones'
}
