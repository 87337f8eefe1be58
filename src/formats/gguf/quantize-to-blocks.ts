import { blockForms } from '../../quant/block-forms.ts'
import { empty, type Tensor } from '../../tensor/tensor.ts'
import { sharedTable } from '../shared-table.ts'
import { type BlockType, blockLayouts, bytesOfBlocks } from './block-layouts.ts'
import { eighths, GgufTensor } from './gguf-tensor.ts'

/**
 * x f32 [rows, columns] in blocks: codes are the nearest by scales of a block's extremes. Of Q8_0 and Q4_0 scales are
 * f32, and ggml turns the sign of a Q4_0 block so that its largest number is -8; for K-quants it searches for better
 * scales. Its codes may therefore be others.
 */
export function quantizeToBlocks(x: Tensor, type: BlockType): GgufTensor {
  const { device, shape, count } = x
  const bytes = bytesOfBlocks(type, count)
  const codes = empty(device, [bytes.codes], `${type} codes`, 'u8')
  if (type === 'q8_0' || type === 'q4_0') {
    const { blockSize } = blockLayouts[type]
    const absmax = empty(device, [count / blockSize], `${type} scales`)
    if (type === 'q8_0') {
      // The kernel has a scale for each row: blocks are its rows.
      device.run('quantizeInt8', { input: x, codes, scale: absmax }, { rows: absmax.count, dim: blockSize })
    } else {
      device.run('quantizeFourBit', { input: x, decision: decisionTable(x), codes, absmax }, { count, blockSize })
    }
    return new GgufTensor(shape, { type, codes, absmax, nested: null })
  }
  const absmax = empty(device, [bytes.absmax], `${type} scales`, 'u8')
  // The kernel writes it for some types alone, and is given a word for the others.
  const nested = empty(device, [Math.max(4, bytes.nested)], `${type} scales of scales`, 'u8')
  device.run('quantizeBlocks', { input: x, codes, absmax, nested }, { count, ...blockForms[type] })
  return new GgufTensor(shape, { type, codes, absmax, nested: bytes.nested === 0 ? null : nested })
}

/** Thresholds half-way between the codes' eighths, a pad, and the codes in that order. */
function decisionTable({ device }: Tensor): Tensor {
  return sharedTable(device, 'q4_0 decision', () => {
    const levels = eighths()
    const thresholds = levels.subarray(1).map((level) => level - 1 / 16)
    return Float32Array.of(...thresholds, 0, ...levels.keys())
  })
}
