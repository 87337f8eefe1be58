import { number, type OptionRules, type Rule, that } from '../core/options.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { OptimizerContext } from './optimizer.ts'

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

/** What parameters have of their own. */
export const contextRules: OptionRules<OptimizerContext> = {
  noDecay: that('a Set of parameters', (value): value is ReadonlySet<Tensor> => value instanceof Set),
  rates: that('a Map of numbers from 0, by parameter', (value): value is ReadonlyMap<Tensor, number> => {
    const isRate = (rate: unknown) => typeof rate === 'number' && rate >= 0 && rate <= f32.largest
    return value instanceof Map && [...value.values()].every(isRate)
  }),
}
