import { check } from '../../core/errors.ts'
import type { Rule } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { feature, type Features, isNull, keep, lackingAnywhere, lackingTransposed, merge } from '../config/features.ts'

/** How a new adapter's A and B may start. */
export type NewStart =
  boolean | 'gaussian' | 'orthogonal' | 'pissa' | `pissa_niter_${number}` | 'olora' | 'loftq' | 'eva' | 'corda'
/** How A and B started; those that leave the base as it is load as any adapter, also where PEFT alone begins them. */
export type Start = NewStart | 'mica'

/** PEFT 0.21.2's fields of LoraConfig that this library lacks (tuners/lora/config.py), by our names. */
export const lacking: Features = {
  ...lackingAnywhere,
  ...lackingTransposed,
  aloraInvocationTokens: feature('adapts only what follows certain tokens', `${keep}; it cannot be merged`),
  arrowConfig: feature('chooses among several adapters for each token', keep, isNull),
  kasaConfig: feature("truncates the base's weights and scales between A and B", merge, isNull),
  layerReplication: feature("stacks the base's layers anew"),
  megatronConfig: feature("is for Megatron's parallel layers", keep),
  montecloraConfig: feature('samples the adapter, and saves the sampler with it', merge, isNull),
  targetParameters: feature('adapts parameters that are no linear layer'),
  useBdlora: feature('makes A or B block-diagonal', merge, isNull),
  useQalora: feature('pools the inputs of A over a GPTQ base', `${keep}; it cannot be merged`),
  veloraConfig: feature("approximates A's gradient, and saves a projection with it", merge, isNull),
}

/** PEFT's other fields, at its defaults: none says how a finished adapter computes. */
export const withoutEffect: Readonly<Record<string, unknown>> = {
  autoMapping: null,
  loraGaConfig: null,
  megatronCore: 'megatron.core',
  qaloraGroupSize: 16,
}

/** Starts of PEFT's that leave the base as it is, and that only PEFT begins: from its smallest singular vectors. */
const keptStarts = ['mica'] as const

/** Starts of PEFT's that take something out of the base's weights, so that the adapter fits no base as it was. */
const changingStarts: readonly (readonly [RegExp, string])[] = [
  [
    /^(corda\w*|lora_ga)$/i,
    'and not in a way that can be repeated; in PEFT, save it as plain LoRA (save_pretrained with path_initial_model_for_weight_conversion, the adapter as it began)',
  ],
]

/** Starts that are spelt in this way alone. */
const words = ['orthogonal', 'pissa', 'loftq', 'eva', 'corda'] as const

/** Whether a start follows from what a model's layers get. */
export function isFromData(start: unknown): start is 'eva' | 'corda' {
  return start === 'eva' || start === 'corda'
}

/** How a new adapter may start; 'Gaussian' is 'gaussian' and 'OLoRA' 'olora', as in PEFT. */
export const newStart: Rule<NewStart> = {
  expects: 'true, false, "gaussian", "orthogonal", "pissa", "pissa_niter_N", "olora", "loftq", "eva" or "corda"',
  read: (value, at) => {
    const known = knownStart(value)
    if (known !== undefined) return known
    const isOfPeft = typeof value === 'string' && (isKept(value) || changeOf(value) !== undefined)
    check(!isOfPeft, 'unsupported', () => {
      const remedy = 'is begun in PEFT; start with another here, or save it there and open it with openAdapter'
      return `${at} ${show(value)} ${remedy}`
    })
    return undefined
  },
}

/** How an adapter that is read may have started. */
export const savedStart: Rule<Start> = {
  expects: newStart.expects.replace('"eva" or "corda"', '"eva" or "mica"'),
  read: (value, at) => {
    // PEFT starts nothing where it is told null, as where it is told false.
    if (value === null) return false
    if (typeof value === 'string' && isKept(value)) return value
    const change = typeof value === 'string' ? changeOf(value) : undefined
    check(change === undefined, 'unsupported', () => `${at} ${show(value)} also changes the base's weights, ${change}`)
    return knownStart(value)
  },
}

function knownStart(value: unknown): NewStart | undefined {
  if (typeof value === 'boolean') return value
  if (typeof value !== 'string') return undefined
  const word = value.toLowerCase()
  if (word === 'gaussian' || word === 'olora') return word
  const [, iterations] = /^pissa_niter_(\d{1,4})$/.exec(value) ?? []
  if (iterations !== undefined) return `pissa_niter_${Number(iterations)}`
  return words.find((each) => each === value)
}

function isKept(value: string): value is (typeof keptStarts)[number] {
  return keptStarts.some((word) => word === value)
}

/** What a start does to the base's weights, if anything. */
function changeOf(start: string): string | undefined {
  return changingStarts.find(([name]) => name.test(start))?.[1]
}
