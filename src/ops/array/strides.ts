import { check, MedAwareError } from '../../core/errors.ts'
import { sameShape, type Shape, showShape } from '../../core/shape.ts'
import { empty, reshaped, type Tensor } from '../../tensor/tensor.ts'

/** How far apart elements lie along each axis of a shape, all being there in order. */
export function stridesOf(shape: Shape): number[] {
  const strides: number[] = []
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides.unshift(stride)
    stride *= shape[axis] ?? 1
  }
  return strides
}

/** The same of `shape` spread over `to`: 0 along axes that it lacks or has one element of. */
export function spreadStrides(shape: Shape, to: Shape): number[] {
  const own = stridesOf(shape)
  const lacking = to.length - shape.length
  return to.map((_, axis) => (shape[axis - lacking] === 1 ? 0 : (own[axis - lacking] ?? 0)))
}

/**
 * The shape that two are spread over, as NumPy and torch broadcast: axes are matched from the last, and one of size 1
 * serves any.
 * @throws MedAwareError `shape` where they do not match.
 */
export function broadcastShape(who: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a
  const axes = Math.max(a.length, b.length)
  return Array.from({ length: axes }, (_, axis) => {
    const [m = 1, n = 1] = [a[axis - axes + a.length], b[axis - axes + b.length]]
    check(m === n || m === 1 || n === 1, 'shape', () => {
      return `${who}: a ${showShape(a)} and b ${showShape(b)} do not match; from the last axis on, sizes must be equal, or one of them 1`
    })
    return m === 1 ? n : m
  })
}

type Four = readonly [number, number, number, number]

/** An array in the terms of the strided kernels: sizes of four axes, and strides along them of two tensors. */
interface FourAxes {
  readonly sizes: Four
  readonly first: Four
  readonly second: Four
}

/**
 * Puts neighbouring axes together where both tensors lie so that one will do, and fills up to four.
 * @throws MedAwareError `unsupported` where more than four are left.
 */
export function fourAxes(who: string, shape: Shape, first: readonly number[], second: readonly number[]): FourAxes {
  const merged: (readonly [size: number, a: number, b: number])[] = []
  shape.forEach((size, axis) => {
    if (size === 1) return
    const [a = 0, b = 0] = [first[axis], second[axis]]
    const [outer, outerA, outerB] = merged.at(-1) ?? [0, NaN, NaN]
    if (outerA === size * a && outerB === size * b) merged.splice(-1, 1, [outer * size, a, b])
    else merged.push([size, a, b])
  })
  while (merged.length < 4) merged.unshift([1, 0, 0])
  const [i, j, k, l, ...more] = merged
  if (!i || !j || !k || !l || more.length > 0) {
    throw new MedAwareError(
      'unsupported',
      `${who}: ${showShape(shape)} falls into more than four axes; reshape it first`,
    )
  }
  return { sizes: [i[0], j[0], k[0], l[0]], first: [i[1], j[1], k[1], l[1]], second: [i[2], j[2], k[2], l[2]] }
}

/** Where elements are read and written; places count elements from a tensor's first. */
interface Move {
  readonly shape: Shape
  readonly from: readonly number[]
  readonly fromFirst?: number
  readonly to?: readonly number[]
  readonly toFirst?: number
  /** Add to what is there. f32 only. Default false. */
  readonly accumulate?: boolean
}

/** Copies elements of 4 bytes into `out` from where they lie in x, without history. */
export function moveElements(who: string, x: Tensor, out: Tensor, move: Move): void {
  const { shape, from, fromFirst = 0, to = stridesOf(shape), toFirst = 0, accumulate = false } = move
  const { sizes, first, second } = fourAxes(who, shape, from, to)
  const [[d0, d1, d2, d3], [x0, x1, x2, x3], [o0, o1, o2, o3]] = [sizes, first, second]
  const count = d0 * d1 * d2 * d3
  if (count === 0) return
  x.device.run(
    'copyStrided',
    { x, out },
    {
      count,
      d1,
      d2,
      d3,
      x0,
      x1,
      x2,
      x3,
      xFirst: fromFirst,
      o0,
      o1,
      o2,
      o3,
      outFirst: toFirst,
      accumulate: +accumulate,
    },
  )
}

/** x repeated along the axes of `shape` that it lacks or has one element of, without history. */
export function spread(who: string, x: Tensor, shape: Shape): Tensor {
  const out = empty(x.device, shape, `${who} spread`, x.dtype)
  moveElements(who, x, out, { shape, from: spreadStrides(x.shape, shape) })
  return out
}

/** Σ of x [outer, axis, inner] over its middle axis, under `shape`, without history. */
export function sumMiddle(x: Tensor, [outer, axis, inner]: readonly [number, number, number], shape: Shape): Tensor {
  const out = empty(x.device, shape, 'sum')
  if (axis === 0) x.device.run('fill', { out }, { count: out.count, value: 0 })
  else if (out.count > 0) x.device.run('sumAxis', { x, out }, { outer, axis, inner })
  return out
}

/** The way back of spreading: the gradient of what was spread, from that of the whole. It may be the same buffer. */
export function sumTo(d: Tensor, shape: Shape): Tensor {
  const lacking = d.shape.length - shape.length
  const isSpread = (axis: number) => (shape[axis - lacking] ?? 1) === 1 && d.shape[axis] !== 1
  let [left, sizes] = [d, [...d.shape]]
  for (let axis = 0; axis < sizes.length; axis++) {
    if (!isSpread(axis)) continue
    let end = axis
    while (end < sizes.length && isSpread(end)) end++
    const product = (part: readonly number[]) => part.reduce((count, size) => count * size, 1)
    const parts = [sizes.slice(0, axis), sizes.slice(axis, end), sizes.slice(end)].map(product)
    const [outer = 1, middle = 1, inner = 1] = parts
    sizes = sizes.map((size, i) => (i >= axis && i < end ? 1 : size))
    const summed = sumMiddle(left, [outer, middle, inner], sizes)
    if (left !== d) left.dispose()
    left = summed
  }
  return reshaped(left, shape)
}
