import { check, MedAwareError } from '../../core/errors.ts'
import { showShape } from '../../core/shape.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { checkMatrix } from '../check-matrix.ts'
import type { StorageFormat } from '../format.ts'
import { sharedTable } from '../shared-table.ts'
import { blockSize, type BlockType } from './block-layouts.ts'
import { findGguf } from './find-gguf.ts'
import { eighths, GgufTensor } from './gguf-tensor.ts'

/** Blocks of 32 as llama.cpp's files have them: a scale, and codes in equal steps. A base keeps them as they are. */
export const gguf: StorageFormat<GgufTensor, BlockType> = {
  name: 'gguf',
  words: 'GGUF',
  types: ['q8_0', 'q4_0'],
  isSaved: false,
  owns: (matrix) => matrix instanceof GgufTensor,
  check({ type, blockSize: asked = blockSize, doubleQuant }) {
    check(asked === blockSize && doubleQuant !== true, 'config', () => {
      return `quantize: ${type} has blocks of ${blockSize} with one scale each; leave blockSize and doubleQuant out`
    })
  },
  /**
   * The codes nearest to x by the block's largest magnitude in f32. ggml rounds scales to f16, and turns the sign of a
   * Q4_0 block so that its largest number is -8: its codes may be others.
   */
  quantize(x, { type }) {
    checkMatrix('quantize', x)
    const { device, shape, count, columns } = x
    check(columns % blockSize === 0, 'shape', () => {
      return `quantize: rows of ${showShape(shape)} are not made of ${type}'s blocks of ${blockSize}`
    })
    const absmax = empty(device, [count / blockSize], `${type} scales`)
    if (type === 'q8_0') {
      const codes = empty(device, [count], 'q8_0 codes', 'u8')
      // The kernel has a scale for each row: blocks are its rows.
      device.run('quantizeInt8', { input: x, codes, scale: absmax }, { rows: absmax.count, dim: blockSize })
      return new GgufTensor(shape, { type, codes, absmax })
    }
    const codes = empty(device, [count / 2], 'q4_0 codes', 'u8')
    const decision = decisionTable(x)
    device.run('quantizeFourBit', { input: x, decision, codes, absmax }, { count, blockSize })
    return new GgufTensor(shape, { type: 'q4_0', codes, absmax })
  },
  weightBeside: () => null,
  find: findGguf,
  save: () => Promise.reject(noCheckpoint()),
  config() {
    throw noCheckpoint()
  },
}

/** Thresholds half-way between the codes' eighths, a pad, and the codes in that order. */
function decisionTable({ device }: Tensor): Tensor {
  return sharedTable(device, 'q4_0 decision', () => {
    const levels = eighths()
    const thresholds = levels.subarray(1).map((level) => level - 1 / 16)
    return Float32Array.of(...thresholds, 0, ...levels.keys())
  })
}

function noCheckpoint(): MedAwareError {
  return new MedAwareError(
    'unsupported',
    "saveModel: projections are in GGUF's blocks, which transformers reads from no safetensors file; write the numbers " +
      'they stand for with { dequantize: true }',
  )
}
