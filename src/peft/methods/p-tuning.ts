import { MedAwareError } from '../../core/errors.ts'
import { number, oneOf, orNull, whole } from '../../core/options.ts'
import type { Random } from '../../core/random.ts'
import type { Shape } from '../../core/shape.ts'
import { Dropout } from '../../nn/dropout.ts'
import { relu } from '../../ops/activations/activations.ts'
import { add } from '../../ops/add.ts'
import { concat } from '../../ops/array/concat.ts'
import { linear } from '../../ops/linear.ts'
import { lstm } from '../../ops/lstm.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import { configFields, isType } from '../config/config-fields.ts'
import type { Factors } from '../layers/adapted-layer.ts'
import {
  checkPromptConfig,
  checkPromptSizes,
  promptDefaults,
  promptLacking,
  type PromptLearningConfig,
  promptRules,
  promptSizesFor,
  vectorSizes,
} from '../prompts/prompt-config.ts'
import { asVectors, draw, EncodedPrompt, encoderPlace, tablePlace, tensorOf } from '../prompts/prompt-place.ts'
import { asPromptable } from '../prompts/promptable.ts'
import { startLinear } from '../prompts/start-linear.ts'

/** P-tuning's config, in PEFT's words (peft/tuners/p_tuning/config.py). */
export interface PTuningConfig extends PromptLearningConfig {
  readonly peftType: 'P_TUNING'
  /** What computes vectors of a table: three layers, or an LSTM in both directions and two layers. Default 'MLP'. */
  readonly encoderReparameterizationType: 'MLP' | 'LSTM'
  /** Channels within it; of an LSTM those of each direction. Default: tokenDim. */
  readonly encoderHiddenSize: number | null
  /** Layers of the LSTM; the other has its three. Default 2. */
  readonly encoderNumLayers: number
  /** Probability of a zero between layers of the LSTM while training. Default 0. */
  readonly encoderDropout: number
}

const fields = configFields<PTuningConfig>({
  defaults: {
    peftType: 'P_TUNING',
    encoderReparameterizationType: 'MLP',
    encoderHiddenSize: null,
    encoderNumLayers: 2,
    encoderDropout: 0,
    ...promptDefaults,
  },
  rules: {
    encoderReparameterizationType: oneOf(['MLP', 'LSTM']),
    encoderHiddenSize: orNull(whole({ from: 1 })),
    encoderNumLayers: whole({ from: 1 }),
    encoderDropout: number({ from: 0, below: 1 }),
    ...promptRules,
    peftType: isType('P_TUNING'),
  },
  lacking: promptLacking,
  maybeNull: [],
  floats: ['encoder_dropout'],
  forModel: (model) => {
    const sizes = promptSizesFor(vectorSizes)(model)
    return { ...sizes, encoderHiddenSize: sizes.tokenDim ?? null }
  },
  check: checkPromptConfig,
})

/** P-tuning: vectors before a text's, computed by a small network (arXiv 2103.10385; peft/tuners/p_tuning). */
export const pTuning: AdapterMethod<PTuningConfig> = {
  peftType: 'P_TUNING',
  name: 'P-tuning',
  card: { about: 'A soft prompt, vectors by p-tuning that stand before a text,', tags: [] },
  fields,
  describe: ({ numVirtualTokens, encoderReparameterizationType: type, encoderHiddenSize }) =>
    `${numVirtualTokens} virtual tokens by an ${type}${encoderHiddenSize === null ? '' : ` of ${encoderHiddenSize}`}`,
  places: (given, config, { who, savedKeys }) => {
    const model = asPromptable(who, given)
    const sizes = vectorSizes(model)
    checkPromptSizes(who, config, sizes)
    const { numVirtualTokens: tokens, encoderReparameterizationType: type } = config
    const { tokenDim: dim } = sizes
    if (savedKeys !== undefined)
      return [tablePlace(model, { shape: [tokens, dim], start: () => undefined, form: asVectors })]
    const hidden = config.encoderHiddenSize ?? dim
    const layers = type === 'LSTM' ? config.encoderNumLayers : 0
    const widths = type === 'LSTM' ? [2 * hidden, 2 * hidden, dim] : [dim, hidden, hidden, dim]
    const shapes = { 'embedding.weight': [tokens, dim], ...lstmShapes(layers, dim, hidden), ...mlpShapes(widths) }
    return [
      encoderPlace(model, {
        shapes,
        start: (factors, random) => start(factors, hidden, random),
        part: (factors) => new PTunedPrompt(tokens, factors, { layers, dropout: config.encoderDropout }),
      }),
    ]
  },
  checkTrainable: (_, who) => {
    throw new MedAwareError(
      'unsupported',
      `${who}: the file of p-tuning has the vectors that its encoder computed and not the encoder, which cannot be trained ` +
        "further by them; go on from a training run's checkpoint, or leave trainable out",
    )
  },
}

/** An LSTM's tensors, by torch's names. */
function lstmShapes(layers: number, input: number, hidden: number): Record<string, Shape> {
  const shapes: Record<string, Shape> = {}
  for (let layer = 0; layer < layers; layer++) {
    for (const way of ways) {
      const at = `${layer}${way}`
      shapes[`lstm_head.weight_ih_l${at}`] = [4 * hidden, layer === 0 ? input : 2 * hidden]
      shapes[`lstm_head.weight_hh_l${at}`] = [4 * hidden, hidden]
      for (const name of ['bias_ih', 'bias_hh']) shapes[`lstm_head.${name}_l${at}`] = [4 * hidden]
    }
  }
  return shapes
}

/** What torch calls an LSTM's two directions. */
const ways = ['', '_reverse'] as const

/** Layers from width to width, by the names that torch's Sequential gives them with a function behind each. */
function mlpShapes(widths: readonly number[]): Record<string, Shape> {
  const layers = widths.slice(1).flatMap((out, i) => {
    const name = `mlp_head.${2 * i}`
    return [
      [`${name}.weight`, [out, widths[i] ?? 0]],
      [`${name}.bias`, [out]],
    ] as const
  })
  return Object.fromEntries<Shape>(layers)
}

/** Fills an encoder's tensors as torch does. */
function start(factors: Factors, hidden: number, random: Random): void {
  draw(tensorOf(factors, 'embedding.weight'), () => random.normal())
  for (const [name, tensor] of Object.entries(factors)) {
    if (name.startsWith('lstm_head')) draw(tensor, () => (2 * random.uniform() - 1) / Math.sqrt(hidden))
    if (name.startsWith('mlp_head') && name.endsWith('.weight')) startLinear(factors, name.slice(0, -7), random)
  }
}

/** Vectors that an MLP computes of a table's, or of what an LSTM makes of them. */
class PTunedPrompt extends EncodedPrompt {
  readonly #layers: number
  readonly #dropout: Dropout

  /** @param encoder How many layers its LSTM has, and the probability of a zero between two. */
  constructor(
    virtualTokens: number,
    factors: Factors,
    { layers, dropout }: { readonly layers: number; readonly dropout: number },
  ) {
    const module = new Dropout(layers > 1 ? dropout : 0)
    super(virtualTokens, factors, asVectors, { lstm_dropout: module })
    this.#layers = layers
    this.#dropout = module
  }

  protected encoded(): Tensor {
    let x = this.tensor('embedding.weight')
    for (let layer = 0; layer < this.#layers; layer++) {
      if (layer > 0) x = this.#dropout.forward(x)
      x = concat(this.#direction(x, layer, ''), this.#direction(x, layer, '_reverse'), 1)
    }
    for (let i = 0; `mlp_head.${i}.weight` in this.factors; i += 2) {
      if (i > 0) x = relu(x)
      x = linear(x, this.tensor(`mlp_head.${i}.weight`), this.tensor(`mlp_head.${i}.bias`))
    }
    return x
  }

  describe(): string {
    const kind = this.#layers > 0 ? `an LSTM of ${this.#layers} layers, dropout ${this.#dropout.p}` : 'an MLP'
    return `${this.virtualTokens} virtual tokens by ${kind}`
  }

  #direction(x: Tensor, layer: number, way: (typeof ways)[number]): Tensor {
    const of = (name: string) => this.tensor(`lstm_head.${name}_l${layer}${way}`)
    const gates = add(linear(x, of('weight_ih'), of('bias_ih')), of('bias_hh'))
    return lstm(gates, of('weight_hh'), way === '_reverse')
  }
}
