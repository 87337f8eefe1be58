import { record } from '../../autograd/record.ts'
import { matmul } from '../../ops/matmul.ts'
import { copyOf, empty, fromArray, type Tensor, zeros } from '../../tensor/tensor.ts'
import type { SvdLinear } from './svd-linear.ts'

/** A factor, and how its Gram matrix is made: P Pᵀ of A, Pᵀ P of B. */
interface Side {
  readonly factor: Tensor
  readonly isA: boolean
  /** -I of its rank. */
  readonly minusOne: Tensor
}

/**
 * AdaLoRA's regularisation: `weight` times the mean of ‖P Pᵀ - I‖, Frobenius's norm, over every A and Bᵀ
 * (peft/tuners/adalora/model.py, forward).
 */
export class Orthogonality {
  readonly #sides: readonly Side[]
  readonly #share: number

  /** @throws MedAwareError `memory`. */
  constructor(layers: Iterable<SvdLinear>, weight: number) {
    const all = [...layers].filter(({ rank }) => rank > 0)
    const byRank = new Map<number, Tensor>()
    this.#sides = all.flatMap(({ rank, factors: { lora_A, lora_B } }) => {
      const minusOne = byRank.get(rank) ?? minusIdentity(lora_A, rank)
      byRank.set(rank, minusOne)
      return [
        { factor: lora_A, isA: true, minusOne },
        { factor: lora_B, isA: false, minusOne },
      ]
    })
    this.#share = this.#sides.length === 0 ? 0 : weight / this.#sides.length
  }

  /** The term, f32 [1], with history; `null` where it is 0 whatever the factors are. */
  term(): Tensor | null {
    const [first] = this.#sides
    if (first === undefined || this.#share === 0) return null
    const share = this.#share
    const { device } = first.factor
    const out = zeros(device, [1], 'orthogonality')
    const terms = this.#sides.map((side) => {
      const x = deviation(side)
      const norm = empty(device, [1], 'norm')
      device.run('frobeniusNorm', { x, out: norm }, { count: x.count })
      device.run('sum', { x: norm, out }, { count: 1, accumulate: 1, alpha: share })
      return { ...side, x, norm }
    })
    const factors = terms.map(({ factor }) => factor)
    return record(
      out,
      factors,
      (dOut, needs, totals) =>
        terms.map(({ factor, isA, x, norm }, i) => {
          if (needs[i] !== true) return null
          const dX = empty(device, x.shape, 'norm dX')
          device.run('frobeniusNormBackward', { dOut, x, norm, out: dX }, { count: x.count })
          const total = totals[i] ?? null
          const to = { alpha: 2 * share, ...(total !== null && { out: total, accumulate: true }) }
          const dFactor = isA ? matmul(dX, factor, to) : matmul(factor, dX, to)
          dX.dispose()
          return dFactor
        }),
      { reads: factors, addsTo: factors, saved: terms.flatMap(({ x, norm }) => [x, norm]) },
    )
  }

  /** Frees its constants. */
  dispose(): void {
    for (const constant of new Set(this.#sides.map(({ minusOne }) => minusOne))) constant.dispose()
  }
}

/** P Pᵀ - I, f32 [r, r], without history. */
function deviation({ factor, isA, minusOne }: Side): Tensor {
  const out = copyOf(minusOne, 'Gram matrix')
  return matmul(factor, factor, { [isA ? 'transB' : 'transA']: true, out, accumulate: true })
}

function minusIdentity({ device }: Tensor, rank: number): Tensor {
  const values = Float32Array.from({ length: rank * rank }, (_, i) => (i % (rank + 1) === 0 ? -1 : 0))
  return device.memory.rooted(() => fromArray(device, values, [rank, rank], 'minus identity'))
}
