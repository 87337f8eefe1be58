import { record, records } from '../autograd/record.ts'
import { type Matrix, trainedOf } from '../tensor/matrix.ts'
import { empty, reshaped, type Tensor } from '../tensor/tensor.ts'
import { matmul, type MatmulOptions } from './matmul.ts'

/**
 * y = x Wᵀ + b. x f32 [..., in], weight [out, in] in any format, bias f32 [out]; y f32 [..., out]. A weight that is not
 * f32 has no gradient, but passes one on to x (QLoRA, arXiv 2305.14314).
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function linear(x: Tensor, weight: Matrix, bias: Tensor | null = null): Tensor {
  const out = matmul(x, weight, { transB: true, bias })
  const trained = trainedOf(weight)
  const inputs = [x, trained, bias]
  // A token decoded asks for hundreds of these, and for no gradient.
  if (!records(inputs)) return out
  const reads = [...weight.tensors, weight.requiresGrad ? x : null]
  return record(
    out,
    inputs,
    (dOut, [needsX, needsWeight, needsBias], [totalX = null, totalWeight = null]) => [
      needsX ? matmul(dOut, weight, addedTo(totalX)) : null,
      needsWeight ? matmul(dOut, x, { transA: true, ...addedTo(totalWeight) }) : null,
      needsBias ? sumRows(dOut) : null,
    ],
    { reads, addsTo: trained === null ? [x] : [x, trained] },
  )
}

/**
 * y = base + alpha · x Wᵀ + bias, written over base, which must not be used afterwards: the shape of LoRA's second
 * product. base f32 [..., out], x f32 [..., r], weight [out, r] in any format, bias f32 [out].
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function addLinear(base: Tensor, x: Tensor, weight: Matrix, alpha: number, bias: Tensor | null = null): Tensor {
  const out = matmul(x, weight, { transB: true, alpha, bias, out: reshaped(base, base.shape), accumulate: true })
  const trained = trainedOf(weight)
  return record(
    out,
    [base, x, trained, bias],
    (dOut, [needsBase, needsX, needsWeight, needsBias], [, , total = null]) => [
      needsBase ? dOut : null,
      needsX ? matmul(dOut, weight, { alpha }) : null,
      needsWeight ? matmul(dOut, x, { transA: true, alpha, ...addedTo(total) }) : null,
      needsBias ? sumRows(dOut) : null,
    ],
    { reads: [...weight.tensors, weight.requiresGrad ? x : null], addsTo: trained === null ? [] : [trained] },
  )
}

/** Where a product goes that is a share of a gradient: to what others have given so far. */
function addedTo(total: Tensor | null): MatmulOptions {
  return total === null ? {} : { out: total, accumulate: true }
}

/** Column sums of x [..., c], without history: f32 [c]. */
function sumRows(x: Tensor): Tensor {
  const out = empty(x.device, [x.columns], 'column sums')
  x.device.run('sumRows', { x, out }, { rows: x.rows, dim: x.columns, accumulate: 0 })
  return out
}
