import { check } from '../core/errors.ts'
import {
  number,
  type OptionRules,
  readArgument,
  readOptions,
  type Rule,
  that,
  whole,
  withMethods,
} from '../core/options.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import { isFull } from '../tensor/matrix.ts'
import { zeros, type Tensor } from '../tensor/tensor.ts'
import { clipFactor } from './clipping.ts'
import { gather, type ParameterRun, parameterRuns, windowOf } from './parameter-runs.ts'

/** torch.optim.AdamW's settings. */
export interface AdamWOptions {
  /** Decay rates of the two moments. Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number]
  /** Default 1e-8. */
  readonly eps?: number
  /** Decoupled weight decay. Default 0 (transformers' Trainer; torch's own is 0.01). */
  readonly weightDecay?: number
  /** Parameters that do not decay, such as biases and norms. Default none. */
  readonly noDecay?: ReadonlySet<Tensor>
}

/** Kernels take these numbers in f32: beyond `largest` they may end in infinities, below `smallest` in zeros. */
export const f32 = { smallest: 1e-37, largest: 1e37 } as const

/** Two decay rates. */
export const betasRule: Rule<readonly [number, number]> = {
  expects: 'two numbers from 0 and below 1',
  read: (value) => {
    const isRate = (beta: unknown) => typeof beta === 'number' && beta >= 0 && Math.fround(beta) < 1
    if (!Array.isArray(value) || value.length !== 2 || !value.every(isRate)) return undefined
    return Object.freeze([Number(value[0]), Number(value[1])] as const)
  },
}

/** A parameter whose gradients were all zero so far would be divided by it alone. */
export const epsRule: Rule<number> = number({ from: f32.smallest, to: f32.largest })

/** Of matrices. */
export const weightDecayRule: Rule<number> = number({ from: 0, to: f32.largest })

const rules: OptionRules<AdamWOptions> = {
  betas: betasRule,
  eps: epsRule,
  weightDecay: weightDecayRule,
  noDecay: that('a Set of parameters', (value): value is ReadonlySet<Tensor> => value instanceof Set),
}

/** torch's and transformers' names. */
const aliases = { beta1: 'betas', beta2: 'betas', epsilon: 'eps', adamEpsilon: 'eps', decay: 'weightDecay' } as const

const parametersRule = withMethods<Tensor>('a parameter in f32, such as model.trainableParameters() gives', [
  'read',
  'write',
])
const gradsRule = withMethods<ReadonlyMap<Tensor, Tensor>>('a Map of gradients by parameter', ['get', 'has'])
const rateRule = number({ from: 0, to: f32.largest })

/** The moments of one parameter: f32 of its shape. */
export interface Moments {
  readonly m: Tensor
  readonly v: Tensor
}

/** A run of parameters and the moments of them all. */
interface RunState extends ParameterRun, Moments {
  readonly decay: number
}

/**
 * Adam with decoupled weight decay (arXiv 1711.05101), as torch.optim.AdamW computes it in f32. Parameters that lie side by
 * side in a buffer, as those of an adapter do, are clipped and updated by one kernel.
 */
export class AdamW {
  /** State by parameter, for checkpoints; in the order of the parameters. */
  readonly moments: ReadonlyMap<Tensor, Moments>
  readonly #options: Required<AdamWOptions>
  readonly #runs: readonly RunState[]
  #steps = 0

  /**
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters, others than that, and senseless options; `device` where one was disposed
   * of; `memory`, and nothing stays allocated then.
   */
  constructor(parameters: Iterable<Tensor>, options: AdamWOptions = {}) {
    const read = readOptions('AdamW', options, rules, aliases)
    this.#options = { betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, noDecay: new Set(), ...read }
    const { noDecay, weightDecay } = this.#options
    const all = checkParameters(parameters)
    const decayOf = (parameter: Tensor) => (noDecay.has(parameter) ? 0 : weightDecay)
    const [{ device }] = all
    this.#runs = device.memory.rooted(() =>
      device.memory.scoped((scope) => {
        const runs = parameterRuns(all, (a, b) => decayOf(a) === decayOf(b)).map((run) => {
          const [m, v] = [zeros(device, run.whole.shape, 'adamw m'), zeros(device, run.whole.shape, 'adamw v')]
          return { ...run, m, v, decay: decayOf(run.members[0]) }
        })
        for (const { m, v } of runs) for (const moment of [m, v]) scope.keep(moment)
        return runs
      }),
    )
    const moments = new Map(
      this.#runs.flatMap((run) =>
        run.members.map((member) => {
          return [member, { m: windowOf(run.m, run, member), v: windowOf(run.v, run, member) }] as const
        }),
      ),
    )
    this.moments = new Map(all.map((parameter) => [parameter, moments.get(parameter) as Moments]))
  }

  /** Steps taken; the bias correction depends on it. Who restores the moments sets it. */
  get steps(): number {
    return this.#steps
  }

  set steps(steps: number) {
    this.#steps = readArgument('AdamW', 'steps', steps, whole({ from: 0 }))
  }

  /**
   * Updates every parameter in place; none where a gradient is not finite, so that nothing is spoilt.
   * @param grads One gradient a parameter, of its shape.
   * @param learningRate The rate of this step.
   * @param maxGradNorm Clip the global norm to this first; 0 does not clip.
   * @returns f32 [2]: the factor clipping applied, and the norm before it.
   * @throws MedAwareError `config` when a parameter has no gradient or a number is out of range, `shape` for a gradient of
   * another shape, `device` after `dispose`.
   */
  step(grads: ReadonlyMap<Tensor, Tensor>, learningRate: number, maxGradNorm = 0): Tensor {
    readArgument('AdamW', 'grads', grads, gradsRule)
    readArgument('AdamW', 'learningRate', learningRate, rateRule)
    readArgument('AdamW', 'maxGradNorm', maxGradNorm, rateRule)
    checkLive(
      this.#runs.map(({ m }) => m),
      'the optimizer was disposed of; make a new one',
    )
    const { betas, eps } = this.#options
    const [beta1, beta2] = betas
    for (const parameter of this.moments.keys()) gradientOf(parameter, grads)
    const gathered = this.#runs.map((run) => gather(run, (member) => gradientOf(member, grads), 'packed gradients'))
    const clip = clipFactor(
      gathered.map(({ vector }) => vector),
      maxGradNorm,
    )
    this.#steps++
    this.#runs.forEach(({ whole, m, v, decay }, i) => {
      const { vector: grad, isCopy } = gathered[i] as (typeof gathered)[number]
      whole.device.run(
        'adamw',
        { grad, clip, param: whole, m, v },
        {
          count: grad.count,
          keep: 1 - learningRate * decay,
          beta1,
          gain1: 1 - beta1,
          beta2,
          gain2: 1 - beta2,
          step: learningRate / (1 - beta1 ** this.#steps),
          root2: Math.sqrt(1 - beta2 ** this.#steps),
          eps,
        },
      )
      if (isCopy) grad.dispose()
    })
    return clip
  }

  /** Frees the moments. */
  dispose(): void {
    for (const { m, v } of this.#runs) {
      m.dispose()
      v.dispose()
    }
  }
}

function gradientOf(parameter: Tensor, grads: ReadonlyMap<Tensor, Tensor>): Tensor {
  const grad = grads.get(parameter)
  check(
    grad !== undefined,
    'config',
    () =>
      `AdamW: the parameter of shape ${showShape(parameter.shape)} has no gradient; freeze it or use it in the loss`,
  )
  check(sameShape(grad.shape, parameter.shape), 'shape', () => {
    return `AdamW: the gradient of the parameter of shape ${showShape(parameter.shape)} is ${showShape(grad.shape)}`
  })
  return grad
}

function checkParameters(given: Iterable<Tensor>): readonly [Tensor, ...Tensor[]] {
  const isList = typeof given === 'object' && given !== null && Symbol.iterator in given
  check(
    isList,
    'config',
    () => `AdamW: parameters must be a list of tensors, such as model.trainableParameters(), got ${show(given)}`,
  )
  const [first, ...rest] = [...given].map((each, i) => readArgument('AdamW', `parameter ${i}`, each, parametersRule))
  check(first !== undefined, 'config', () => 'AdamW: there is no parameter to train; attach an adapter first')
  const all: readonly [Tensor, ...Tensor[]] = [first, ...rest]
  all.forEach((each, i) => {
    check(isFull(each), 'config', () => `AdamW: parameter ${i} is in ${each.dtype}, and only f32 can be trained`)
    check(each.device === first.device, 'config', () => `AdamW: parameter ${i} is on another device than the first`)
  })
  check(new Set(all).size === all.length, 'config', () => 'AdamW: a parameter is given twice')
  checkLive(all, 'a parameter was disposed of; load the model again')
  return all
}

function checkLive(tensors: readonly Tensor[], message: string): void {
  check(
    tensors.every(({ device, buffer }) => device.memory.isLive(buffer)),
    'device',
    () => `AdamW: ${message}`,
  )
}
