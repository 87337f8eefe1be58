import { type OptionRules, readOptions } from '../core/options.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { betasRule, contextRules, weightDecayRule } from './optimizer-options.ts'
import type { OptimizerRow } from './optimizer-row.ts'
import type { OptimizerContext } from './optimizer.ts'
import { PackedOptimizer, type PackedStep } from './packed-optimizer.ts'

/** Lion's settings, as of bitsandbytes' Lion. */
export interface LionSettings {
  /** Weights of the momentum in an update, and of its past in the momentum. Default [0.9, 0.99]. */
  readonly betas?: readonly [number, number]
  /** Decoupled weight decay. Default 0; the paper takes 3 to 10 times that of AdamW, as the rate is as much smaller. */
  readonly weightDecay?: number
}

/**
 * How parameters are trained by Lion: `noDecay` are those that do not decay, such as biases and norms, and `rates` are
 * factors on the rate of some. Default none.
 */
export type LionOptions = LionSettings & Partial<OptimizerContext>

/** The momentum of a run of parameters. */
interface Momentum extends Readonly<Record<string, Tensor>> {
  readonly m: Tensor
}

const defaults: Required<LionSettings> = { betas: Object.freeze([0.9, 0.99] as const), weightDecay: 0 }
const settings: OptionRules<LionSettings> = { betas: betasRule, weightDecay: weightDecayRule }
const rules: OptionRules<LionOptions> = { ...settings, ...contextRules }
const aliases = { beta1: 'betas', beta2: 'betas', decay: 'weightDecay' } as const

/**
 * Lion (arXiv 2302.06675): each number of a parameter moves by the learning rate, in the direction of its momentum. The
 * rate should be 3 to 10 times smaller than AdamW's. It keeps half of what AdamW keeps: the momentum `m` of each
 * parameter, f32 of its shape. As bitsandbytes' Lion32bit computes it.
 */
export class Lion extends PackedOptimizer<Momentum> {
  readonly name = 'lion'
  readonly hyperparameters: Required<LionSettings>

  /**
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters, others than that, and senseless options; `device` where one was
   * disposed of; `memory`, and nothing stays allocated then.
   */
  constructor(parameters: Iterable<Tensor>, options: LionOptions = {}) {
    const { noDecay, rates, ...given } = readOptions('Lion', options, rules, aliases)
    const read = { ...defaults, ...given }
    const { weightDecay } = read
    super('Lion', parameters, { state: (zeros) => ({ m: zeros('m') }), weightDecay, noDecay, rates })
    this.hyperparameters = Object.freeze(read)
  }

  protected override update({ param, grad, state, clip, learningRate, keep }: PackedStep<Momentum>): void {
    const [beta1, beta2] = this.hyperparameters.betas
    const gains = { beta1, gain1: 1 - beta1, beta2, gain2: 1 - beta2 }
    const { m } = state
    param.device.run('lion', { grad, clip, param, m }, { count: grad.count, keep, ...gains, step: learningRate })
  }
}

/** Its row in the table of optimizers. */
export const lionRow: OptimizerRow<LionSettings> = {
  aliases: ['lion_32bit', 'paged_lion_32bit'],
  settings,
  settingAliases: aliases,
  defaults,
  create: (parameters, options) => new Lion(parameters, options),
}
