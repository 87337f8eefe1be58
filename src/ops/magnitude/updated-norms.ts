import { check } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { anyStorageOf, type Matrix } from '../../tensor/matrix.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'

/**
 * Lengths of the rows of weight + alpha · b · a, without history: f32 [out]. weight [out, in] in any format, a f32
 * [r, in], b f32 [out, r]. The sum is made a block at a time and nowhere kept: lengths are right to f32's last digits
 * also where b · a cancels nearly all of the weight, or is far larger.
 * @throws MedAwareError `shape` where sizes do not fit.
 */
export function updatedNorms(weight: Matrix, a: Tensor, b: Tensor, alpha: number): Tensor {
  const [rows = 0, dim = 0] = weight.shape
  const r = a.rows
  check(a.columns === dim && b.columns === r && b.rows === rows, 'shape', () => {
    return `updatedNorms: b ${showShape(b.shape)} times a ${showShape(a.shape)} does not fit ${showShape(weight.shape)}`
  })
  const { device } = a
  const norms = empty(device, [rows], 'norms')
  const { codes, absmax, nested, tables, bits, isBf16, blockSize, scaling, nestedCount } = anyStorageOf(weight)
  device.run(
    'updatedNorms',
    { codes, absmax, nested, tables, a, b, norms },
    { rows, dim, r, bits, isBf16, blockSize, scaling, nestedCount, alpha },
  )
  return norms
}
