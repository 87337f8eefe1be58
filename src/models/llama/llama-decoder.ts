import type { Lookup } from '../../nn/embedding.ts'
import type { Head } from '../../nn/language-head.ts'
import { Module, ModuleList } from '../../nn/module.ts'
import type { NormLayer } from '../../nn/norm-layer.ts'
import { CausalDecoder, type DecoderParts } from '../causal-decoder.ts'
import type { DecoderBlock } from '../decoder-blocks.ts'
import type { Positions } from '../positions/attention-contexts.ts'
import { RotaryTable } from '../positions/rotary-table.ts'
import { WeightPicker, type WeightSource } from '../weight-picker.ts'
import type { LlamaFields } from './llama-config.ts'
import { LlamaDecoderLayer, type LlamaTraits } from './llama-layer.ts'

/** What a decoder of Llama's kind is made of, of the weights below a prefix. */
export interface LlamaPieces {
  readonly embeddings: (get: WeightPicker, name: string) => Lookup
  readonly block: (get: WeightPicker) => DecoderBlock
  readonly norm: (get: WeightPicker, name: string) => NormLayer
}

/**
 * Llama's decoder as transformers computes it (modeling_llama.py): rotary positions, grouped key heads, RMS norms,
 * SwiGLU. Architectures that compute nearly as it does say in what they differ. Module names are the checkpoint's.
 */
export abstract class LlamaDecoder<C extends LlamaFields> extends CausalDecoder<{
  model: LlamaModel
  lm_head: Head
}> {
  /** PEFT's, of each of them (peft/utils/constants.py). */
  readonly loraTargets: readonly string[] = ['q_proj', 'v_proj']

  /**
   * @param positions Of each block.
   * @throws MedAwareError `not-found` when `weights` lacks one of `modelWeights(config)`, `shape` where one has
   * another.
   */
  constructor(
    readonly config: C,
    weights: WeightSource,
    pieces: LlamaPieces,
    protected readonly positions: readonly Positions[] = rotaryPositions(config),
  ) {
    const get = new WeightPicker(config.modelType, weights)
    const model = new LlamaModel(config, get.under('model'), pieces)
    super({ model, lm_head: get.head('lm_head', config, () => model.modules.embed_tokens) }, {})
  }

  get cacheShape(): readonly [number, number] {
    return [this.config.numKeyValueHeads, this.config.headDim]
  }

  protected get parts(): DecoderParts {
    const { model, lm_head: head } = this.modules
    const { embed_tokens: embeddings, layers: blocks, norm } = model.modules
    return { embeddings, blocks, norm, head }
  }
}

/** Llama's own pieces, but for some traits. */
export function llamaPieces(config: LlamaFields, traits: LlamaTraits = {}): LlamaPieces {
  const { vocabSize, hiddenSize, rmsNormEps } = config
  return {
    embeddings: (get, name) => get.embedding(name, vocabSize, hiddenSize),
    block: (get) => new LlamaDecoderLayer(config, get, traits),
    norm: (get, name) => get.rmsNorm(name, hiddenSize, rmsNormEps),
  }
}

/** Each block turns queries and keys by the config's angles, and has what `of` says of its own. Default: nothing. */
export function rotaryPositions(
  config: LlamaFields,
  of: (block: number) => Partial<Positions> = () => ({}),
): readonly Positions[] {
  const rotary = new RotaryTable(config.rope, config.headDim, config.maxPositionEmbeddings)
  return Array.from({ length: config.numHiddenLayers }, (_, block) => ({ rotary, ...of(block) }))
}

/** The decoder without its head. */
class LlamaModel extends Module<{ embed_tokens: Lookup; layers: ModuleList<DecoderBlock>; norm: NormLayer }> {
  constructor({ numHiddenLayers }: LlamaFields, get: WeightPicker, { embeddings, block, norm }: LlamaPieces) {
    super(
      {
        embed_tokens: embeddings(get, 'embed_tokens'),
        layers: ModuleList.of(numHiddenLayers, (i) => block(get.under(`layers.${i}`))),
        norm: norm(get, 'norm'),
      },
      {},
    )
  }
}

/** Ends of the names of buffers that transformers saved before 4.32, and converters do to this day. */
export const rotaryBuffers = ['rotary_emb.inv_freq', 'rotary_emb.cos_cached', 'rotary_emb.sin_cached'] as const
