import type { Random } from '../core/random.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** Fills a tensor with numbers that are drawn one by one. */
export function draw(tensor: Tensor, next: () => number): void {
  tensor.write(Float32Array.from({ length: tensor.count }, next))
}

/** U(±1/√in) for a matrix [out, in]: what torch's kaiming_uniform_ with a = √5 draws. */
export function drawUniform(matrix: Tensor, random: Random): void {
  draw(matrix, () => (2 * random.uniform() - 1) / Math.sqrt(matrix.columns))
}
