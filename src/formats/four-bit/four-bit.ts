import { oneOf, readArgument } from '../../core/options.ts'
import { bitsAndBytesConfig } from '../bitsandbytes-config.ts'
import type { StorageFormat } from '../format.ts'
import { findFourBit } from './find-four-bit.ts'
import { FourBitTensor } from './four-bit-tensor.ts'
import { checkBlockSize, quantizeFourBit } from './quantize-four-bit.ts'
import { saveFourBit } from './save-four-bit.ts'

const types = ['nf4', 'fp4'] as const
const type = oneOf(types)

/**
 * NF4 and FP4 as bitsandbytes has them: two codes a byte, a scale for each block, and these in 8 bits again if wanted.
 */
export const fourBit: StorageFormat<FourBitTensor, (typeof types)[number]> = {
  name: 'fourBit',
  words: '4-bit',
  types,
  owns: (matrix) => matrix instanceof FourBitTensor,
  check: checkBlockSize,
  quantize(x, options) {
    return quantizeFourBit(x, { ...options, type: readArgument('quantize', 'type', options.type, type) })
  },
  weightBeside(tensor) {
    const at = tensor.indexOf('.weight.')
    return at < 0 ? null : tensor.slice(0, at + '.weight'.length)
  },
  find: findFourBit,
  save: saveFourBit,
  config(recipe, computeDType, skipped) {
    return bitsAndBytesConfig({
      bits: 4,
      computeDType,
      skipped,
      fourBitType: recipe.type,
      doubleQuant: recipe.doubleQuant,
    })
  },
}
