import type { Matrix } from '../tensor/matrix.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { addLinear, linear } from './linear.ts'

/** x weightᵀ: x f32 [..., k], weight [v, k] f32, or frozen in any other format. */
export interface Product {
  readonly x: Tensor
  readonly weight: Matrix
}

/** Products of one shape that are added up. */
export type Products = readonly [Product, ...Product[]]

/** Σ x weightᵀ over products: f32 [..., v]. @throws MedAwareError `shape` where sizes do not fit. */
export function sumOfProducts([first, ...others]: Products): Tensor {
  return others.reduce((sum, { x, weight }) => addLinear(sum, x, weight, 1), linear(first.x, first.weight))
}
