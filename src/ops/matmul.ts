import { check } from '../core/errors.ts'
import { showShape } from '../core/shape.ts'
import { isFull, type Matrix, storageOf } from '../tensor/matrix.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/** How `matmul` reads its operands and what it adds to. */
export interface MatmulOptions {
  /** Read a [k,m] as its transpose. Default false. */
  readonly transA?: boolean
  /** Read b [n,k] as its transpose. Default false. */
  readonly transB?: boolean
  /** Factor on the product. Default 1. */
  readonly alpha?: number
  /** f32 [n], added to each row. */
  readonly bias?: Tensor | null
  /** f32 [m,n] that takes the result and is returned. Default: a new tensor. */
  readonly out?: Tensor
  /** Add to what `out` holds instead of replacing it. Default false. */
  readonly accumulate?: boolean
}

/**
 * out = alpha · op(a) · op(b) + bias, without history. All but the last dimension of a and b are flattened to rows; b
 * may be in any storage format (a may be transposed against an f32 b only).
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function matmul(a: Tensor, b: Matrix, options: MatmulOptions = {}): Tensor {
  const { transA = false, transB = false, alpha = 1, bias = null, accumulate = false } = options
  const [m, k] = transA ? [a.columns, a.rows] : [a.rows, a.columns]
  const bColumns = b.shape.at(-1) ?? 0
  const bRows = b.count / bColumns
  const [n, bInner] = transB ? [bRows, bColumns] : [bColumns, bRows]
  check(k === bInner, 'shape', () => {
    const ways = `${transA ? ' transposed' : ''} vs b ${showShape(b.shape)}${transB ? ' transposed' : ''}`
    return `matmul: inner sizes differ, a ${showShape(a.shape)}${ways}`
  })
  check(
    bias === null || bias.count === n,
    'shape',
    () => `matmul: bias ${showShape(bias?.shape ?? [])} does not fit ${n} columns`,
  )
  const shape = transA ? [m, n] : [...a.shape.slice(0, -1), n]
  const { device } = a
  check(!transA || isFull(b), 'unsupported', () => {
    return `matmul: a cannot be transposed against a b of ${storageOf(b).bits} bits`
  })
  const given = options.out
  check(given === undefined || given.count === m * n, 'shape', () => {
    return `matmul: out ${showShape(given?.shape ?? [])} does not fit ${showShape(shape)}`
  })
  // Written out: spreads would cost more than all else a call takes on the host.
  const pitchA = transA ? m : k
  const hasBias = +(bias !== null)
  if (isFull(b)) {
    const out = given ?? empty(device, shape, 'matmul')
    device.run(
      'matmul',
      { a, b, bias, out },
      { m, n, k, pitchA, pitchOut: n, transA: +transA, transB: +transB, hasBias, accumulate: +accumulate, alpha },
    )
    return out
  }
  const { codes, absmax, nested, tables, bits, isBf16, blockSize, scaling, nestedCount } = storageOf(b)
  const out = given ?? empty(device, shape, 'matmul')
  device.run(
    'matmulStored',
    { a, codes, absmax, nested, tables, bias, out },
    {
      m,
      n,
      k,
      pitchA,
      pitchOut: n,
      transB: +transB,
      bits,
      isBf16,
      blockSize,
      scaling,
      nestedCount,
      hasBias,
      accumulate: +accumulate,
      alpha,
    },
  )
  return out
}
