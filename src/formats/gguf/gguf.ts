import { check, MedAwareError } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { checkMatrix } from '../check-matrix.ts'
import type { StorageFormat } from '../format.ts'
import { blockLayouts, type BlockType, blockTypeOf, blockTypes } from './block-layouts.ts'
import { findGguf } from './find-gguf.ts'
import { GgufTensor } from './gguf-tensor.ts'
import { quantizeToBlocks } from './quantize-to-blocks.ts'

/** Blocks of 32 or 256 as llama.cpp's files have them: codes in equal steps. A base keeps them as they are. */
export const gguf: StorageFormat<GgufTensor, BlockType> = {
  name: 'gguf',
  words: 'GGUF',
  types: blockTypes,
  isSaved: false,
  owns: (matrix) => matrix instanceof GgufTensor,
  check({ type, blockSize, doubleQuant }) {
    const { size } = blockLayouts[blockTypeOf(type)]
    check((blockSize ?? size) === size && doubleQuant !== true, 'config', () => {
      return `quantize: ${type} has blocks of ${size} and scales of its own; leave blockSize and doubleQuant out`
    })
  },
  quantize(x, options) {
    const type = blockTypeOf(options.type)
    checkMatrix('quantize', x)
    const { columns, shape } = x
    const { size } = blockLayouts[type]
    check(columns % size === 0, 'shape', () => {
      return `quantize: rows of ${showShape(shape)} are not made of ${type}'s blocks of ${size}`
    })
    return quantizeToBlocks(x, type)
  },
  weightBeside: () => null,
  find: findGguf,
  save: () => Promise.reject(noCheckpoint()),
  config() {
    throw noCheckpoint()
  },
}

function noCheckpoint(): MedAwareError {
  return new MedAwareError(
    'unsupported',
    "saveModel: weights are in GGUF's blocks, which transformers reads from no safetensors file; write the numbers " +
      'they stand for with { dequantize: true }',
  )
}
