import type { AdapterChoice } from '../adapter-choice.ts'
import type { Arm, Bits } from './arm.ts'

/** The experiments of the paper's plan. */
export const experiments = ['baseline', 'adapters', 'bits'] as const
export type Experiment = (typeof experiments)[number]

/** A kind of training whose learning rate is sought by itself. */
export interface Kind {
  readonly name: string
  readonly trained: Exclude<Arm['trained'], null>
  /** Where the search for its rate begins, for the small Falcon. */
  readonly rate: number
  readonly bits: Bits
}

/** What all else is held to: the paper's adapter. */
export const paper = 'LoRA on query_key_value'
export const allWeights = 'all weights'

/** A base that adapters are put on. */
export interface KindOptions {
  /** What the paper adapts: query_key_value, or the three projections that it is elsewhere. */
  readonly attention: readonly string[]
  /** Trainable parameters of an adapter. */
  readonly countOf: (adapter: AdapterChoice) => number
}

/**
 * The kinds of adapter, with ranks that bring each as near as it comes to the paper's number of parameters. Scales of
 * (IA)³ and vectors of a prompt have no rank, and VeRA's would have to be in the thousands: these are as PEFT has them.
 */
export function kindsOf({ attention: targetModules, countOf }: KindOptions): readonly Kind[] {
  const lora = { peftType: 'LORA', loraDropout: 0.05 }
  const reference: AdapterChoice = { ...lora, r: 16, loraAlpha: 32, targetModules }
  const wanted = countOf(reference)
  /** Counts are linear in the rank. */
  const matched = (of: (r: number) => AdapterChoice): AdapterChoice => {
    const [one, two] = [countOf(of(1)), countOf(of(2))]
    return of(Math.max(1, Math.round(1 + (wanted - one) / (two - one))))
  }
  const kind = (name: string, rate: number, trained: AdapterChoice): Kind => ({ name, rate, trained, bits: 4 })
  return [
    kind(paper, 4e-3, reference),
    kind(
      'LoRA on all linear layers',
      4e-3,
      matched((r) => ({ ...lora, r, loraAlpha: 2 * r, targetModules: 'all-linear' })),
    ),
    kind('rsLoRA', 2e-3, { ...reference, useRslora: true }),
    kind(
      'DoRA',
      4e-3,
      matched((r) => ({ ...reference, r, loraAlpha: 2 * r, useDora: true })),
    ),
    kind('IA3', 5e-2, { peftType: 'IA3' }),
    kind('VeRA', 5e-2, { peftType: 'VERA', r: 256, targetModules }),
    kind('prompt tuning', 0.1, {
      ...{ peftType: 'PROMPT_TUNING', taskType: 'CAUSAL_LM' },
      ...{ numVirtualTokens: 20, promptTuningInit: 'SAMPLE_VOCAB' },
    }),
    kind(
      'LoHa',
      8e-3,
      matched((r) => ({ peftType: 'LOHA', r, alpha: 2 * r, targetModules })),
    ),
  ]
}

/** Every weight of the base, which takes them as floats. */
export const fullTuning: Kind = { name: allWeights, trained: 'all weights', rate: 1e-3, bits: 32 }

/** The paper's adapter on a base in each number of bits. */
export function bitsKinds(kinds: readonly Kind[]): readonly Kind[] {
  const reference = kinds.filter(({ name }) => name === paper)
  return reference.flatMap((kind) =>
    ([4, 8, 16, 32] as const).map((bits) => ({ ...kind, bits, name: bits === 4 ? paper : `${paper}, ${bits} bits` })),
  )
}

/** How long arms train. */
export interface Lengths {
  readonly steps: number
  /** Steps of a kind in the time that the paper's adapter takes for `steps`. */
  readonly stepsInTime: (kind: string) => number
  readonly rateOf: (kind: string) => number
}

/** The arms of an experiment. Those that train nothing need one seed alone. */
export function armsOf(experiment: Experiment, kinds: readonly Kind[], lengths: Lengths): readonly Arm[] {
  const { steps, stepsInTime, rateOf } = lengths
  const trained = ({ name, trained: what, bits }: Kind, isTimed = true): Arm => {
    const marks = [...new Set([steps, isTimed ? stepsInTime(name) : steps])].sort((a, b) => a - b)
    return { name, trained: what, bits, shots: 0, learningRate: rateOf(name), steps: Math.max(...marks), marks }
  }
  if (experiment === 'adapters') return kinds.map((kind) => trained(kind))
  if (experiment === 'baseline') {
    const reference = kinds.filter(({ name }) => name === paper)
    return [
      untrained('base', 4),
      untrained('few-shot', 4, 3),
      ...[...reference, fullTuning].map((kind) => trained(kind)),
    ]
  }
  return bitsKinds(kinds).flatMap((kind) => [
    untrained(kind.bits === 4 ? 'base' : `base, ${kind.bits} bits`, kind.bits),
    { ...trained({ ...kind, name: paper }, false), name: kind.name },
  ])
}

function untrained(name: string, bits: Bits, shots = 0): Arm {
  return { name, trained: null, bits, shots, learningRate: 0, steps: 0, marks: [0] }
}

/** What is trained to choose a rate: few steps, measured on the validation part. */
export function trialOf({ name, trained, bits }: Kind, learningRate: number, steps: number): Arm {
  return { name, trained, bits, shots: 0, learningRate, steps, marks: [steps] }
}
