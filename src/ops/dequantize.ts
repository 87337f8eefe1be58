import { isFull, type Matrix, storageOf } from '../tensor/matrix.ts'
import { empty, type Tensor } from '../tensor/tensor.ts'

/**
 * The values a matrix stands for, without history. @param out As many elements in f32. Default: a new tensor of its
 * shape.
 */
export function dequantize(x: Matrix, out = empty(x.device, x.shape, 'dequantized')): Tensor {
  if (isFull(x)) x.device.copy(x, out)
  else {
    const { codes, absmax, nested, tables, bits, isBf16, blockSize, scaling, nestedCount } = storageOf(x)
    const params = { count: x.count, bits, isBf16, blockSize, scaling, nestedCount }
    x.device.run('dequantize', { codes, absmax, nested, tables, out }, params)
  }
  return out
}
