import { readArgument, that, withMethods } from '../core/options.ts'
import type { Module } from '../nn/module.ts'
import { Tensor } from '../tensor/tensor.ts'

/** As much of a parameter as counting needs. */
export interface CountedWeight {
  /** Elements it stands for. */
  readonly count: number
  /** Elements it is stored as: two of 4 bits are one. */
  readonly packedCount: number
  readonly isTrainable: boolean
}

/** How many parameters a model has, and how many of them are trained. */
export interface ParameterCounts {
  readonly trainable: number
  /** All, trainable ones included. */
  readonly all: number
  /** All, with two 4-bit ones counted as one, as they are stored and as older versions of PEFT counted. */
  readonly allPacked: number
  /** trainable / all, in [0, 1]: PEFT's `trainable%` since 0.5.0. */
  readonly share: number
  /** trainable / allPacked, in [0, 1]. */
  readonly sharePacked: number
}

/**
 * Counts a model's parameters as PEFT does (peft_model.py, get_nb_trainable_parameters); tied ones count once.
 * @throws MedAwareError `config` for no model.
 */
export function countParameters(model: Module): ParameterCounts {
  readArgument('countParameters', 'model', model, withMethods<Module>("a model, such as loadModel's", ['namedWeights']))
  const weights = new Set([...model.namedWeights()].map(([, weight]) => weight))
  return countWeights(
    [...weights].map((weight) => ({
      count: weight.count,
      packedCount: weight instanceof Tensor ? weight.count : weight.packedCount,
      isTrainable: weight.requiresGrad,
    })),
  )
}

/** Counts parameters that need not be in memory. */
export function countWeights(weights: Iterable<CountedWeight>): ParameterCounts {
  let [trainable, all, allPacked] = [0, 0, 0]
  for (const { count, packedCount, isTrainable } of weights) {
    all += count
    allPacked += packedCount
    if (isTrainable) trainable += count
  }
  return { trainable, all, allPacked, share: trainable / all, sharePacked: trainable / allPacked }
}

const countsRule = that('counts, as countParameters gives', (value): value is ParameterCounts => {
  return typeof value === 'object' && value !== null && 'trainable' in value && 'all' in value && 'share' in value
})

/** The line that PEFT's `print_trainable_parameters` prints. @throws MedAwareError `config` for no counts. */
export function describeParameterCounts(counts: ParameterCounts): string {
  const { trainable, all, share } = readArgument('describeParameterCounts', 'counts', counts, countsRule)
  const [few, many] = [trainable, all].map((count) => count.toLocaleString('en-US'))
  return `trainable params: ${few} || all params: ${many} || trainable%: ${(100 * share).toFixed(4)}`
}
