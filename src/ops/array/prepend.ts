import { record } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { checkTensor } from './checked.ts'
import { moveElements, stridesOf, sumTo } from './strides.ts'

/**
 * The same rows before those of every sample: first [n, c] and x [b, t, c] to [b, n + t, c]; `torch.cat` of `first`
 * expanded and x along axis 1. f32.
 * @throws MedAwareError `shape` where sizes do not fit, `unsupported` for other dtypes.
 */
export function prepend(first: Tensor, x: Tensor): Tensor {
  checkTensor('prepend', 'first', first, 'f32')
  checkTensor('prepend', 'x', x, 'f32')
  const [n = 0, channels = 0] = first.shape
  const [samples = 0, rows = 0] = x.shape
  check(first.shape.length === 2 && x.shape.length === 3 && x.columns === channels, 'shape', () => {
    return `prepend: first ${showShape(first.shape)} and x ${showShape(x.shape)} must be [n, c] and [b, t, c]`
  })
  const out = empty(x.device, [samples, n + rows, channels], 'prepend')
  const [ofFirst, ofX] = [[samples, n, channels], x.shape]
  const places = stridesOf(out.shape)
  moveElements('prepend', first, out, { shape: ofFirst, from: [0, channels, 1], to: places })
  moveElements('prepend', x, out, { shape: ofX, from: stridesOf(ofX), to: places, toFirst: n * channels })
  const part = (dOut: Tensor, shape: readonly number[], fromFirst: number) => {
    const d = empty(x.device, shape, 'prepend dX')
    moveElements('prepend', dOut, d, { shape, from: places, fromFirst })
    return d
  }
  const rule = (dOut: Tensor, [needsFirst, needsX]: readonly boolean[]) => [
    needsFirst === true ? summed(part(dOut, ofFirst, 0), first) : null,
    needsX === true ? part(dOut, ofX, n * channels) : null,
  ]
  return record(out, [first, x], rule)
}

/** Σ over samples, in the place of what it is the sum of. */
function summed(parts: Tensor, { shape }: Tensor): Tensor {
  const sum = sumTo(parts, shape)
  if (sum.buffer !== parts.buffer) parts.dispose()
  return sum
}
