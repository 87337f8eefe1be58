import { noGrad } from '../../autograd/no-grad.ts'
import { tidy } from '../../autograd/record.ts'
import { add } from '../../ops/add.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { transpose } from '../../ops/array/transpose.ts'
import { bmm } from '../../ops/blocks/bmm.ts'
import { inverse } from '../../ops/blocks/inverse.ts'
import { skewSymmetric } from '../../ops/blocks/skew-symmetric.ts'
import { linear } from '../../ops/linear.ts'
import { mul } from '../../ops/mul.ts'
import type { Tensor } from '../../tensor/tensor.ts'
import { LinearAdapter, type Project } from '../layers/adapted-linear.ts'
import type { OftConfig } from './oft-config.ts'

/** What is trained at a projection. */
type OftFactors = Readonly<Record<'oft_R.weight', Tensor>>

/** y = W (x R) + b, R block-diagonal of Cayley's transforms of skew-symmetric matrices Q: (I - Q) (I + Q)⁻¹. */
export class OftLinear extends LinearAdapter<OftFactors> {
  /**
   * @param factors What stands above the diagonals of Q, row by row: f32 [blocks, size (size - 1) / 2], or one for all.
   */
  constructor(
    factors: OftFactors,
    readonly size: number,
    readonly config: Pick<OftConfig, 'coft' | 'eps' | 'useCayleyNeumann' | 'numCayleyNeumannTerms'>,
  ) {
    super(factors)
  }

  forward(x: Tensor, project: Project): Tensor {
    return project(this.#rotated(x, this.#rotations()))
  }

  mergeWeight(weight: Tensor): Tensor {
    const { device } = weight
    // W (x R) is (W Rᵀ) x for columns x.
    const merged = noGrad(() => tidy(device, () => this.#rotated(weight, transpose(this.#rotations(), 1, 2))))
    device.copy(merged, weight)
    merged.dispose()
    return weight
  }

  describe(): string {
    const { coft, eps, useCayleyNeumann, numCayleyNeumannTerms } = this.config
    const transform = useCayleyNeumann ? `${numCayleyNeumannTerms} terms` : 'exact'
    return `${this.factors['oft_R.weight'].rows} blocks of ${this.size}, ${transform}${coft ? `, within ${eps}` : ''}`
  }

  /** x R: each row of x [..., in] in blocks. */
  #rotated(x: Tensor, rotations: Tensor): Tensor {
    const { size } = this
    if (rotations.shape[0] === 1) {
      const shared = transpose(reshape(rotations, [size, size]), 0, 1)
      return reshape(linear(reshape(x, [-1, size]), shared), x.shape)
    }
    const blocks = transpose(reshape(x, [x.rows, -1, size]), 0, 1)
    return reshape(transpose(bmm(blocks, rotations), 0, 1), x.shape)
  }

  /** The blocks of R (tuners/oft/layer.py, _cayley_batch): f32 [blocks, size, size]. */
  #rotations(): Tensor {
    const { factors, size, config } = this
    const weight = factors['oft_R.weight']
    const { rows, columns: dim } = weight
    if (config.coft) {
      // A skew-symmetric matrix has every number twice.
      weight.device.run('shrinkRows', { x: weight }, { rows, dim, most: config.eps / Math.sqrt(2 * rows) })
    }
    if (config.useCayleyNeumann) return cayleyNeumann(weight, size, config.numCayleyNeumannTerms)
    const denominator = inverse(skewSymmetric(weight, size, { diagonal: 1 }))
    return bmm(skewSymmetric(weight, size, { scale: -1, diagonal: 1 }), denominator)
  }
}

/**
 * I + 2 Q + 2 Q² + … + Qᵏ, where the last power is taken once: k is terms - 1, but 3 for three terms, as in PEFT.
 */
function cayleyNeumann(weight: Tensor, size: number, terms: number): Tensor {
  const most = terms > 2 ? Math.max(3, terms - 1) : terms - 1
  const first = skewSymmetric(weight, size, { scale: most > 0 ? 2 : 0, diagonal: 1 })
  if (most < 2) return first
  const q = skewSymmetric(weight, size)
  let power = bmm(q, q)
  let twice = power
  for (let k = 3; k < most; k++) {
    power = bmm(power, q)
    twice = add(twice, power)
  }
  return add(first, add(mul(twice, 2), bmm(power, q)))
}
