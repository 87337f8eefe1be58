import { check } from '../../core/errors.ts'
import { bitsAndBytesConfig } from '../bitsandbytes-config.ts'
import type { StorageFormat } from '../format.ts'
import { findInt8, int8Companions } from './find-int8.ts'
import { Int8Tensor } from './int8-tensor.ts'
import { quantizeInt8 } from './quantize-int8.ts'

/** LLM.int8's storage as bitsandbytes has it: a code a byte, and a scale for each row. */
export const int8: StorageFormat<Int8Tensor, 'int8'> = {
  name: 'int8',
  words: 'int8',
  types: ['int8'],
  owns: (matrix) => matrix instanceof Int8Tensor,
  check({ blockSize, doubleQuant }) {
    check(blockSize === undefined && doubleQuant !== true, 'config', () => {
      return `quantize: int8 has a scale for each row, so neither blockSize nor doubleQuant; leave them out, or take 'nf4' or 'fp4'`
    })
  },
  quantize: quantizeInt8,
  /** Codes are made from f16: a row that goes beyond it has a scale that does. */
  async verify(name, { parts }) {
    const bad = (await parts.scale.read()).findIndex((scale) => scale > 65504)
    check(bad < 0, 'numeric', () => {
      return `${name}: row ${bad} goes beyond 65504, the largest f16, which int8 codes are made from; store it in 4 bits or f32`
    })
  },
  weightBeside(tensor) {
    const end = ['.SCB', '.weight_format'].find((key) => tensor.endsWith(key))
    return end === undefined ? null : `${tensor.slice(0, -end.length)}.weight`
  },
  find: findInt8,
  /** What bitsandbytes' Linear8bitLt._save_to_state_dict writes of a weight (nn/modules.py). */
  async save(name, like, owner) {
    const [scale, format] = int8Companions(name)
    return {
      codes: {
        ...{ name, dtype: 'I8', shape: like.shape, parameters: like.count },
        bytes: () => owner.lend(({ parts }) => parts.codes.readBytes()),
      },
      state: [
        {
          ...{ name: scale, dtype: 'F32', shape: [like.parts.scale.count], parameters: 0 },
          bytes: () => owner.lend(({ parts }) => parts.scale.readBytes()),
        },
        // 0: rows, the one order of bytes that bitsandbytes still writes.
        { name: format, dtype: 'U8', shape: [], parameters: 0, bytes: async () => Uint8Array.of(0) },
      ],
    }
  },
  config(_recipe, _computeDType, skipped) {
    return bitsAndBytesConfig({
      bits: 8,
      skipped,
      computeDType: 'float32',
      fourBitType: 'fp4',
      doubleQuant: false,
    })
  },
}
