import type { Module } from '../../nn/module.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { bareWeights } from '../layers/adapted-layer.ts'

/** Which biases of the model are trained: none, those of adapted places, or all. */
export type BiasChoice = 'none' | 'adapted' | 'all'

/** The biases that a choice means, by path (tuners/tuners_utils.py, _mark_only_adapters_as_trainable). */
export function modelBiases(
  model: Module,
  which: BiasChoice,
  places: readonly { readonly path: string }[],
): readonly (readonly [path: string, bias: Tensor])[] {
  const adapted = new Set(places.map(({ path }) => `${path}.bias`))
  return [...bareWeights(model)].flatMap(([path, weight]) => {
    const isWanted = which === 'all' ? /(^|\.)bias$/.test(path) : which === 'adapted' && adapted.has(path)
    return isWanted && weight instanceof Tensor ? [[path, weight] as const] : []
  })
}
