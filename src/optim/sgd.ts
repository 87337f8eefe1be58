import { check } from '../core/errors.ts'
import { flag, number, type OptionRules, readOptions } from '../core/options.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { finiteFactor } from './clipping.ts'
import { contextRules, f32, weightDecayRule } from './optimizer-options.ts'
import type { OptimizerRow } from './optimizer-row.ts'
import type { OptimizerContext } from './optimizer.ts'
import { PackedOptimizer, type PackedStep } from './packed-optimizer.ts'

/** torch.optim.SGD's settings. */
export interface SgdSettings {
  /** How much of a step the next one goes on with. Default 0: nothing is kept. */
  readonly momentum?: number
  /** How much less of a gradient goes into the momentum. Default 0. */
  readonly dampening?: number
  /** Look ahead along the momentum, which must be above 0, without dampening. Default false. */
  readonly nesterov?: boolean
  /** Weight decay as a part of the gradient (L2). Default 0. */
  readonly weightDecay?: number
}

/** How parameters are trained by SGD: as `SgdSettings`, and what some of them have of their own. Default none. */
export type SgdOptions = SgdSettings & Partial<OptimizerContext>

/** The momentum of a run of parameters; nothing without one. */
type Momentum = Readonly<Record<string, Tensor>> & { readonly m?: Tensor }

const defaults: Required<SgdSettings> = { momentum: 0, dampening: 0, nesterov: false, weightDecay: 0 }
const settings: OptionRules<SgdSettings> = {
  momentum: number({ from: 0, to: f32.largest }),
  dampening: number({ from: 0, to: 1 }),
  nesterov: flag,
  weightDecay: weightDecayRule,
}
const rules: OptionRules<SgdOptions> = { ...settings, ...contextRules }
const aliases = { decay: 'weightDecay' } as const

/**
 * Stochastic gradient descent as torch.optim.SGD computes it in f32, with momentum, dampening, Nesterov's step and
 * decay. Its state is the momentum `m` of each parameter, f32 of its shape, where there is one.
 */
export class Sgd extends PackedOptimizer<Momentum> {
  readonly name = 'sgd'
  readonly hyperparameters: Required<SgdSettings>

  /**
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters, others than that, and senseless options; `device` where one was
   * disposed of; `memory`, and nothing stays allocated then.
   */
  constructor(parameters: Iterable<Tensor>, options: SgdOptions = {}) {
    const { noDecay, rates, ...given } = readOptions('SGD', options, rules, aliases)
    const read = { ...defaults, ...given }
    const { momentum, dampening, nesterov, weightDecay } = read
    check(!nesterov || (momentum > 0 && dampening === 0), 'config', () => {
      return `SGD: nesterov needs a momentum above 0 and dampening 0, got ${momentum} and ${dampening}`
    })
    super('SGD', parameters, {
      ...{ weightDecay, noDecay, rates },
      state: (zeros): Momentum => (momentum > 0 ? { m: zeros('m') } : {}),
    })
    this.hyperparameters = Object.freeze(read)
  }

  protected override update({ param, grad, state, clip, ...at }: PackedStep<Momentum>): void {
    const { momentum: beta, dampening, nesterov } = this.hyperparameters
    const { device, count } = param
    const { learningRate: step, keep, weightDecay: decay } = at
    if (state.m === undefined) {
      device.run('sgd', { grad, clip, param }, { count, keep, step })
      return
    }
    // torch begins with the gradient as it is.
    const gain = at.step === 1 ? 1 : 1 - dampening
    const [now, past] = nesterov ? [1, beta] : [0, 1]
    const [out, isFinite] = [empty(device, [count], 'SGD step'), finiteFactor(clip)]
    device.run('momentum', { grad, clip, param, m: state.m, out }, { count, decay, beta, gain, now, past })
    device.run('sgd', { grad: out, clip: isFinite, param }, { count, keep: 1, step })
    for (const tensor of [out, isFinite]) tensor.dispose()
  }
}

/** Its row in the table of optimizers. */
export const sgdRow: OptimizerRow<SgdSettings> = {
  settings,
  settingAliases: aliases,
  defaults,
  create: (parameters, options) => new Sgd(parameters, options),
}
