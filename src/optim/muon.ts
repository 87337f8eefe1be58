import { number, oneOf, flag, type OptionRules, readOptions, that, whole } from '../core/options.ts'
import { matmul } from '../ops/matmul.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'
import { type Moments, stepAdamW } from './adamw.ts'
import { clipFactor, finiteFactor } from './clipping.ts'
import { contextRules, epsRule, weightDecayRule } from './optimizer-options.ts'
import type { OptimizerRow } from './optimizer-row.ts'
import type { OptimizerContext } from './optimizer.ts'
import { PackedOptimizer, type PackedStep } from './packed-optimizer.ts'
import { windowOf } from './parameter-runs.ts'

/** torch.optim.Muon's settings. */
export interface MuonSettings {
  /** How much of the mean of gradients stays from step to step. Default 0.95. */
  readonly momentum?: number
  /** Look ahead along the momentum. Default true. */
  readonly nesterov?: boolean
  /** Decoupled weight decay. Default 0.1. */
  readonly weightDecay?: number
  /** Coefficients of Newton and Schulz's iteration. Default [3.4445, -4.775, 2.0315]. */
  readonly nsCoefficients?: readonly [number, number, number]
  /** Its iterations. Default 5. */
  readonly nsSteps?: number
  /** The least norm that is divided by. Default 1e-7. */
  readonly eps?: number
  /**
   * How the rate of an [a, b] matrix is adjusted: 'original' by √max(1, a / b), 'match_rms_adamw' by 0.2 √max(a, b),
   * so that a rate for AdamW fits. Default 'original'.
   */
  readonly adjustLrFn?: 'original' | 'match_rms_adamw'
}

/** How parameters are trained by Muon: as `MuonSettings`, and what some of them have of their own. Default none. */
export type MuonOptions = MuonSettings & Partial<OptimizerContext>

/** The momentum of matrices, or AdamW's moments of what is none. */
type MuonState = Readonly<Record<string, Tensor>> & Pick<Moments, 'm'> & Partial<Pick<Moments, 'v'>>

const defaults: Required<MuonSettings> = {
  ...{ momentum: 0.95, nesterov: true, weightDecay: 0.1, nsSteps: 5, eps: 1e-7, adjustLrFn: 'original' },
  nsCoefficients: Object.freeze([3.4445, -4.775, 2.0315] as const),
}
const settings: OptionRules<MuonSettings> = {
  momentum: number({ from: 0, below: 1 }),
  nesterov: flag,
  weightDecay: weightDecayRule,
  nsCoefficients: that('three numbers', (value): value is readonly [number, number, number] => {
    return Array.isArray(value) && value.length === 3 && value.every((each) => Number.isFinite(each))
  }),
  nsSteps: whole({ from: 1, to: 99 }),
  eps: epsRule,
  adjustLrFn: oneOf(['original', 'match_rms_adamw']),
}
const rules: OptionRules<MuonOptions> = { ...settings, ...contextRules }
const aliases = { decay: 'weightDecay' } as const
const ofVectors = { betas: [0.9, 0.999] as const, eps: 1e-8 }

const isMatrix = ({ shape }: Tensor): boolean => shape.length === 2

/**
 * Muon (kellerjordan.github.io/posts/muon) as torch.optim.Muon computes it, but in f32 where torch rounds the iteration
 * to bfloat16: a matrix moves along its momentum, made orthogonal. What has not two dimensions is trained by AdamW at
 * the same rate and decay, betas [0.9, 0.999], eps 1e-8. Its state is the momentum `m` of each matrix and AdamW's `m`
 * and `v` of the others, f32 of their shape.
 */
export class Muon extends PackedOptimizer<MuonState> {
  readonly name = 'muon'
  readonly hyperparameters: Required<MuonSettings>

  /**
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters, others than that, and senseless options; `device` where one was
   * disposed of; `memory`, and nothing stays allocated then.
   */
  constructor(parameters: Iterable<Tensor>, options: MuonOptions = {}) {
    const { noDecay, rates, ...given } = readOptions('Muon', options, rules, aliases)
    const read = { ...defaults, ...given }
    const { weightDecay } = read
    super('Muon', parameters, {
      ...{ weightDecay, noDecay, rates },
      state: (zeros, { members: [first] }): MuonState => {
        return { m: zeros('m'), ...(!isMatrix(first) && { v: zeros('v') }) }
      },
      areAlike: (a, b) => isMatrix(a) === isMatrix(b),
    })
    this.hyperparameters = Object.freeze(read)
  }

  protected override update(step: PackedStep<MuonState>): void {
    const { param, grad, state, clip, keep, learningRate, run } = step
    const { m, v } = state
    if (v !== undefined) {
      stepAdamW({ ...step, state: { m, v } }, ofVectors)
      return
    }
    const { momentum: beta, nesterov } = this.hyperparameters
    const { device, count } = param
    const gain = 1 - beta
    const [now, past] = nesterov ? [gain, beta] : [0, 1]
    device.memory.scoped(() => {
      const out = empty(device, [count], 'Muon momentum')
      device.run('momentum', { grad, clip, param, m, out }, { count, decay: 0, beta, gain, now, past })
      const isFinite = finiteFactor(clip)
      for (const member of run.members) {
        const rate = learningRate * this.#adjustment(member)
        const way = this.#orthogonal(windowOf(out, run, member))
        device.run('sgd', { grad: way, clip: isFinite, param: member }, { count: member.count, keep, step: rate })
      }
    })
  }

  #adjustment({ rows, columns }: Tensor): number {
    return this.hyperparameters.adjustLrFn === 'original'
      ? Math.sqrt(Math.max(1, rows / columns))
      : 0.2 * Math.sqrt(Math.max(rows, columns))
  }

  /** Newton and Schulz's iteration of x over its norm; it goes over the shorter side. */
  #orthogonal(x: Tensor): Tensor {
    const { nsCoefficients, nsSteps, eps } = this.hyperparameters
    const [a, b, c] = nsCoefficients
    const isTall = x.rows > x.columns
    // Over eps, so that clipping to norm 1 divides by the norm, or leaves what is below eps.
    const large = scaled(x, 1 / eps)
    let way = scaled(large, 1, clipFactor([large], 1))
    for (let i = 0; i < nsSteps; i++) {
      const gram = matmul(way, way, isTall ? { transA: true } : { transB: true })
      const update = scaled(gram, b)
      matmul(gram, gram, { alpha: c, out: update, accumulate: true })
      const next = scaled(way, a)
      if (isTall) matmul(way, update, { out: next, accumulate: true })
      else matmul(update, way, { out: next, accumulate: true })
      way = next
    }
    return way
  }
}

/** alpha · factor[0] · x. */
function scaled(x: Tensor, alpha: number, factor: Tensor | null = null): Tensor {
  const out = empty(x.device, x.shape, 'Muon')
  x.device.run('scale', { x, factor, out }, { count: x.count, hasFactor: +(factor !== null), alpha })
  return out
}

/** Its row in the table of optimizers. */
export const muonRow: OptimizerRow<MuonSettings> = {
  settings,
  settingAliases: aliases,
  defaults,
  create: (parameters, options) => new Muon(parameters, options),
}
