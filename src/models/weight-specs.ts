import type { WeightSpec } from './causal-lm.ts'

/** Keys of two tables that may be one. */
export interface TiedTensors {
  readonly head: string
  readonly embeddings: string
}

/** A table of vectors, or a head, which is never quantised: [rows, columns]. */
export function tableSpec(name: string, rows: number, columns: number): WeightSpec {
  return { name, shape: [rows, columns], role: 'embedding', init: 'normal' }
}

/** A linear layer [out, into], and its bias where it has one. */
export function linearSpecs(path: string, out: number, into: number, hasBias: boolean): readonly WeightSpec[] {
  const weight: WeightSpec = { name: `${path}.weight`, shape: [out, into], role: 'projection', init: 'normal' }
  return hasBias ? [weight, vectorSpec(`${path}.bias`, out, 'zeros')] : [weight]
}

/** The weight of a normalisation and, of a layer norm, its bias. */
export function normSpecs(path: string, size: number, hasBias: boolean): readonly WeightSpec[] {
  const weight = vectorSpec(`${path}.weight`, size, 'ones')
  return hasBias ? [weight, vectorSpec(`${path}.bias`, size, 'zeros')] : [weight]
}

function vectorSpec(name: string, size: number, init: 'ones' | 'zeros'): WeightSpec {
  return { name, shape: [size], role: 'vector', init }
}
