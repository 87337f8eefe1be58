import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from '../array/checked.ts'

/**
 * Products of matrices, one by one: out[i] = a[i] · b[i]; `torch.bmm`. a f32 [count, m, k], b f32 [count, k, n]; out
 * f32 [count, m, n].
 * @throws MedAwareError `shape` where sizes do not fit, `unsupported` for other dtypes.
 */
export function bmm(a: Tensor, b: Tensor): Tensor {
  checkTensor('bmm', 'a', a, 'f32')
  checkTensor('bmm', 'b', b, 'f32')
  const rule = (dOut: Tensor, [needsA, needsB]: readonly boolean[]) => [
    needsA === true ? batchedMatmul(dOut, b, { transB: true }) : null,
    needsB === true ? batchedMatmul(a, dOut, { transA: true }) : null,
  ]
  return record(batchedMatmul(a, b), [a, b], rule, {
    reads: [b.requiresGrad ? a : null, a.requiresGrad ? b : null],
  })
}

/** How `batchedMatmul` reads its operands; as `MatmulOptions`. */
export interface BatchOptions {
  /** Read each of a [k,m] as its transpose. Default false. */
  readonly transA?: boolean
  /** Read each of b [n,k] as its transpose. Default false. */
  readonly transB?: boolean
  /** Factor on the products. Default 1. */
  readonly alpha?: number
}

/** out[i] = alpha · op(a[i]) · op(b[i]), without history. @throws MedAwareError `shape` where sizes do not fit. */
export function batchedMatmul(a: Tensor, b: Tensor, options: BatchOptions = {}): Tensor {
  const { transA = false, transB = false, alpha = 1 } = options
  const [count = 0, rowsA = 0, columnsA = 0] = a.shape
  const [countB, rowsB = 0, columnsB = 0] = b.shape
  const [m, k] = transA ? [columnsA, rowsA] : [rowsA, columnsA]
  const [n, inner] = transB ? [rowsB, columnsB] : [columnsB, rowsB]
  check(a.shape.length === 3 && b.shape.length === 3 && count === countB && k === inner, 'shape', () => {
    const ways = `${transA ? ' transposed' : ''} and b ${showShape(b.shape)}${transB ? ' transposed' : ''}`
    return `bmm: a ${showShape(a.shape)}${ways} must be as many matrices, of the same inner size`
  })
  const out = empty(a.device, [count, m, n], 'bmm')
  const params = { count, m, n, k, transA: +transA, transB: +transB, alpha }
  a.device.run('matmulBatch', { a, b, out }, params)
  return out
}
