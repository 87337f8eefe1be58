import { check } from '../../core/errors.ts'
import { flag, oneOf, orNull, whole } from '../../core/options.ts'
import type { KeyValuePrefix } from '../../ops/key-value-prefix.ts'
import { tanh } from '../../ops/activations/activations.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { slice } from '../../ops/array/slice.ts'
import { linear } from '../../ops/linear.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import { configFields, isType } from '../config/config-fields.ts'
import {
  checkPromptConfig,
  checkPromptSizes,
  promptDefaults,
  promptLacking,
  type PromptLearningConfig,
  promptRules,
  type PromptSizes,
  promptSizesFor,
} from '../prompts/prompt-config.ts'
import { draw, EncodedPrompt, encoderPlace, tablePlace, tensorOf, type PromptForm } from '../prompts/prompt-place.ts'
import { asPromptable, type Promptable } from '../prompts/promptable.ts'
import { startLinear } from '../prompts/start-linear.ts'

/** Prefix tuning's config, in PEFT's words (peft/tuners/prefix_tuning/config.py). */
export interface PrefixTuningConfig extends PromptLearningConfig {
  readonly peftType: 'PREFIX_TUNING'
  /** Whether the prefix is computed of a smaller table by a network of two layers. Default false. */
  readonly prefixProjection: boolean
  /** Channels between its layers. Default: tokenDim. */
  readonly encoderHiddenSize: number | null
  /** "zero" starts with keys and values of zeros, null at random. Default null. */
  readonly initWeights: 'zero' | null
}

const fields = configFields<PrefixTuningConfig>({
  defaults: {
    peftType: 'PREFIX_TUNING',
    prefixProjection: false,
    encoderHiddenSize: null,
    initWeights: null,
    ...promptDefaults,
  },
  rules: {
    prefixProjection: flag,
    encoderHiddenSize: orNull(whole({ from: 1 })),
    initWeights: orNull(oneOf(['zero'])),
    ...promptRules,
    peftType: isType('PREFIX_TUNING'),
  },
  lacking: promptLacking,
  maybeNull: [],
  forModel: (model) => {
    const sizes = promptSizesFor(prefixSizes)(model)
    return { ...sizes, encoderHiddenSize: sizes.tokenDim ?? null }
  },
  check: checkPromptConfig,
})

/** Prefix tuning: trained keys and values before those of a text (arXiv 2101.00190; peft/tuners/prefix_tuning). */
export const prefixTuning: AdapterMethod<PrefixTuningConfig> = {
  peftType: 'PREFIX_TUNING',
  name: 'Prefix tuning',
  card: { about: 'A prefix, trained keys and values that stand before those of a text,', tags: [] },
  fields,
  describe: ({ numVirtualTokens, prefixProjection, encoderHiddenSize }) =>
    `${numVirtualTokens} virtual tokens${prefixProjection ? `, projected through ${encoderHiddenSize}` : ''}`,
  places: (given, config, { who, savedKeys }) => {
    const model = asPromptable(who, given)
    checkOneKeyAHead(who, model)
    const sizes = prefixSizes(model)
    checkPromptSizes(who, config, sizes)
    const { numVirtualTokens: tokens, prefixProjection, initWeights } = config
    const { tokenDim: dim, numLayers } = sizes
    const width = 2 * numLayers * dim
    const form: PromptForm = { isOfVectors: false, promptOf: (table) => ({ prefixes: prefixesOf(table, numLayers) }) }
    if (savedKeys !== undefined || !prefixProjection) {
      return [
        tablePlace(model, {
          shape: [tokens, width],
          start: (table, random) => {
            if (initWeights === null) draw(table, () => random.normal())
          },
          form,
        }),
      ]
    }
    const hidden = config.encoderHiddenSize ?? dim
    return [
      encoderPlace(model, {
        shapes: {
          'embedding.weight': [tokens, dim],
          'transform.0.weight': [hidden, dim],
          'transform.0.bias': [hidden],
          'transform.2.weight': [width, hidden],
          'transform.2.bias': [width],
        },
        start: (factors, random) => {
          draw(tensorOf(factors, 'embedding.weight'), () => random.normal())
          startLinear(factors, 'transform.0', random)
          if (initWeights === null) startLinear(factors, 'transform.2', random)
        },
        part: (factors) => new ProjectedPrefix(tokens, factors, form),
      }),
    ]
  },
  checkTrainable: ({ prefixProjection }, who) => {
    check(!prefixProjection, 'unsupported', () => {
      return (
        `${who}: the file of a projected prefix has what its projection computed and not the projection, which cannot be ` +
        "trained further by it; go on from a training run's checkpoint, or leave trainable out"
      )
    })
  },
}

/** What a prefix has: keys of one token in one block, as a cache keeps them. */
function prefixSizes({ cacheShape: [heads, dim], config }: Promptable): PromptSizes {
  return { tokenDim: heads * dim, numAttentionHeads: heads, numLayers: config.numHiddenLayers }
}

/**
 * transformers repeats the keys of a Falcon of the new kind for each query head before it keeps them, and there PEFT's
 * prefixes have keys that differ from head to head. @throws MedAwareError `unsupported`.
 */
function checkOneKeyAHead(who: string, { config, cacheShape: [heads] }: Promptable): void {
  const { modelType, numAttentionHeads } = config
  check(modelType !== 'falcon' || heads === 1 || heads === numAttentionHeads, 'unsupported', () => {
    return (
      `${who}: PEFT's prefix of this Falcon has keys for each of ${numAttentionHeads} query heads, and the model has ` +
      `${heads} heads of keys; use P_TUNING or PROMPT_TUNING`
    )
  })
}

/** Keys and values of each block, of a table [n, blocks · 2 · c]: a block's keys stand before its values. */
function prefixesOf(table: Tensor, blocks: number): readonly KeyValuePrefix[] {
  const [tokens = 0] = table.shape
  const dim = table.columns / (2 * blocks)
  const part = (i: number): Tensor => reshape(slice(table, 1, i * dim, (i + 1) * dim), [1, tokens, dim])
  return Array.from({ length: blocks }, (_, block) => ({ k: part(2 * block), v: part(2 * block + 1) }))
}

/** A prefix that two layers compute of a table: W₂ tanh(W₀ e + b₀) + b₂. */
class ProjectedPrefix extends EncodedPrompt {
  encoded(): Tensor {
    const [weight, bias] = [this.tensor('transform.0.weight'), this.tensor('transform.0.bias')]
    const hidden = tanh(linear(this.tensor('embedding.weight'), weight, bias))
    return linear(hidden, this.tensor('transform.2.weight'), this.tensor('transform.2.bias'))
  }

  describe(): string {
    const [hidden] = this.tensor('transform.0.bias').shape
    return `${this.virtualTokens} virtual tokens, projected through ${hidden}`
  }
}
