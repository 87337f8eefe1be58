import { empty, type Tensor } from '../../tensor/tensor.ts'
import { checkMatrix } from '../check-matrix.ts'
import { Int8Tensor } from './int8-tensor.ts'

/**
 * Stores x [rows, columns] f32 as LLM.int8 does (arXiv 2208.07339), bit-equal to bitsandbytes' codes: rounded to f16,
 * then in 8 bits with a scale for each row. x itself is left alone. Only weights are in 8 bits: products take their
 * activations in f32, so nothing is to be kept apart for outliers (bitsandbytes' threshold). What is beyond f16 spoils
 * its row.
 * @throws MedAwareError `shape`.
 */
export function quantizeInt8(x: Tensor): Int8Tensor {
  checkMatrix('quantizeInt8', x)
  const { device, rows, columns: dim } = x
  const codes = empty(device, x.shape, 'int8 codes', 'u8')
  const scale = empty(device, [rows], 'int8 scale')
  device.run('quantizeInt8', { input: x, codes, scale }, { rows, dim })
  return new Int8Tensor(x.shape, { codes, scale })
}
