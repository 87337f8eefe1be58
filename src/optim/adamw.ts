import { type OptionRules, readOptions } from '../core/options.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { betasRule, epsRule, contextRules, weightDecayRule } from './optimizer-options.ts'
import type { OptimizerContext } from './optimizer.ts'
import type { OptimizerRow } from './optimizer-row.ts'
import { PackedOptimizer, type PackedStep, type State } from './packed-optimizer.ts'

/** torch.optim.AdamW's settings. */
export interface AdamWSettings {
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Default 1e-8. */
  readonly eps?: number
  /** Decoupled weight decay. Default 0 (transformers' Trainer; torch's own is 0.01). */
  readonly weightDecay?: number
}

/**
 * How parameters are trained by AdamW: `noDecay` are those that do not decay, such as biases and norms, and `rates` are
 * factors on the rate of some. Default none.
 */
export type AdamWOptions = AdamWSettings & Partial<OptimizerContext>

/** The moments of a run of parameters. */
export interface Moments extends Readonly<Record<string, Tensor>> {
  readonly m: Tensor
  readonly v: Tensor
}

const defaults: Required<AdamWSettings> = { betas: Object.freeze([0.9, 0.999] as const), eps: 1e-8, weightDecay: 0 }
const settings: OptionRules<AdamWSettings> = { betas: betasRule, eps: epsRule, weightDecay: weightDecayRule }
const rules: OptionRules<AdamWOptions> = { ...settings, ...contextRules }

/** torch's and transformers' names. */
const aliases = { beta1: 'betas', beta2: 'betas', epsilon: 'eps', adamEpsilon: 'eps', decay: 'weightDecay' } as const

/**
 * Adam with decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW computes it in f32. Its state are the
 * moments `m` and `v` of each parameter, f32 of its shape.
 */
export class AdamW extends PackedOptimizer<Moments> {
  readonly name = 'adamw'
  readonly hyperparameters: Required<AdamWSettings>

  /**
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters, others than that, and senseless options; `device` where one was
   * disposed of; `memory`, and nothing stays allocated then.
   */
  constructor(parameters: Iterable<Tensor>, options: AdamWOptions = {}) {
    const { noDecay, rates, ...given } = readOptions('AdamW', options, rules, aliases)
    const read = { ...defaults, ...given }
    const { weightDecay } = read
    super('AdamW', parameters, { state: (zeros) => ({ m: zeros('m'), v: zeros('v') }), weightDecay, noDecay, rates })
    this.hyperparameters = Object.freeze(read)
  }

  protected override update(step: PackedStep<Moments>): void {
    stepAdamW(step, this.hyperparameters)
  }
}

/** Queues AdamW's update of a run of parameters. */
export function stepAdamW(step: PackedStep<Moments>, settings: AdamWFactors): void {
  const { param, grad, state, clip } = step
  param.device.run('adamw', { grad, clip, param, m: state.m, v: state.v }, adamwNumbers(step, settings))
}

type AdamWFactors = Required<Pick<AdamWSettings, 'betas' | 'eps'>>

/** What AdamW's kernels are told of a step. */
export function adamwNumbers(
  { param, learningRate, keep, step }: Omit<PackedStep<State>, 'state'>,
  { betas, eps }: AdamWFactors,
) {
  const [beta1, beta2] = betas
  const gains = { beta1, gain1: 1 - beta1, beta2, gain2: 1 - beta2 }
  const corrections = { step: learningRate / (1 - beta1 ** step), root2: Math.sqrt(1 - beta2 ** step) }
  return { count: param.count, keep, ...gains, ...corrections, eps }
}

/** Its row in the table of optimizers. */
export const adamwRow: OptimizerRow<AdamWSettings> = {
  aliases: ['adamw_torch', 'adamw_torch_fused', 'paged_adamw_32bit'],
  settings,
  settingAliases: aliases,
  defaults,
  create: (parameters, options) => new AdamW(parameters, options),
}
