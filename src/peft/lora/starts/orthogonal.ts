import { check } from '../../../core/errors.ts'
import { matrixOf, product, transposed } from '../../../core/linear-algebra/dense-matrix.ts'
import { thinQr } from '../../../core/linear-algebra/thin-qr.ts'
import type { Random } from '../../../core/random.ts'
import type { Tensor } from '../../../tensor/tensor.ts'

/**
 * Fills A and B with random numbers in spaces that are orthogonal to one another, so that B A is 0 though neither is
 * (datta0.github.io/posts/rethink-lora-init; peft/tuners/lora/layer.py, orthogonal_init).
 * @throws MedAwareError `config` for an odd rank.
 */
export function drawOrthogonal(a: Tensor, b: Tensor, random: Random): void {
  const { rows: rank, columns } = a
  check(rank % 2 === 0, 'config', () => `initLoraWeights: "orthogonal" needs an even r, got ${rank}`)
  const { q } = thinQr(normal(rank, rank))
  const half = rank / 2
  const rowsFrom = (first: number) =>
    matrixOf(
      Float64Array.from({ length: half * rank }, (_, i) => {
        return q.values[(2 * Math.floor(i / rank) + first) * rank + (i % rank)] ?? 0
      }),
      half,
      rank,
    )
  a.write(tenth(product(transposed(rowsFrom(0)), normal(half, columns)).values))
  b.write(tenth(product(normal(b.rows, half), rowsFrom(1)).values))

  function normal(rows: number, columns: number) {
    return matrixOf(
      Float64Array.from({ length: rows * columns }, () => random.normal()),
      rows,
      columns,
    )
  }
}

function tenth(values: Float64Array): Float32Array {
  return Float32Array.from(values, (value) => value / 10)
}
