/**
 * GGUF's Q8_0 as a stranger would add it: one file. A block of 32 elements is 34 bytes, an f16 scale and 32 signed codes; the
 * value of a code is code · scale (ggml-common.h, block_q8_0). In the checkpoint of these tests a weight is its blocks as they
 * lie in a GGUF file, in U8, with a marker beside it.
 */
import { check } from '../../src/core/errors.ts'
import { f16ToF32, f32ToF16 } from '../../src/core/float16.ts'
import { countOf, type Shape } from '../../src/core/shape.ts'
import type { Device } from '../../src/device/device.ts'
import type { Checkpoint, StorageFormat } from '../../src/formats/format.ts'
import { quantizeInt8 } from '../../src/formats/int8/quantize-int8.ts'
import { rootedMatrix } from '../../src/tensor/matrix.ts'
import { StoredMatrix } from '../../src/tensor/stored-matrix.ts'
import { fromArray, reshaped, type Tensor } from '../../src/tensor/tensor.ts'

const blockSize = 32
const blockBytes = 2 + blockSize

/** Kernels read it as blocks of 8 bits, whose scale is the largest magnitude: 127 times ggml's. */
export class Q8Tensor extends StoredMatrix {
  constructor(
    shape: Shape,
    /** u8 of the shape. */
    readonly codes: Tensor,
    /** f32 [blocks]. */
    readonly absmax: Tensor,
  ) {
    const one = { nested: null, tables: null, bits: 8, isBf16: 0, isNested: 0, nestedCount: 0 } as const
    super(shape, [codes, absmax], { codes, absmax, blockSize, ...one }, { type: 'q8_0', blockSize, doubleQuant: false })
  }
}

/** Codes and 127 times the scales of blocks as they lie in a file. */
export function splitBlocks(bytes: Uint8Array): { codes: Uint8Array; absmax: Float32Array } {
  const blocks = bytes.length / blockBytes
  const [codes, halves] = [new Uint8Array(blocks * blockSize), new Uint16Array(blocks)]
  for (let i = 0; i < blocks; i++) {
    const at = i * blockBytes
    halves[i] = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8)
    codes.set(bytes.subarray(at + 2, at + blockBytes), i * blockSize)
  }
  return { codes, absmax: f16ToF32(halves).map((scale) => 127 * scale) }
}

/** The opposite of `splitBlocks`: f16 times 127 is exact in f32. */
export function joinBlocks(codes: Uint8Array, absmax: Float32Array): Uint8Array {
  const bytes = new Uint8Array(absmax.length * blockBytes)
  f32ToF16(absmax.map((largest) => largest / 127)).forEach((half, i) => {
    bytes.set([half & 255, half >> 8], i * blockBytes)
    bytes.set(codes.subarray(i * blockSize, (i + 1) * blockSize), i * blockBytes + 2)
  })
  return bytes
}

export function q8FromBlocks(device: Device, bytes: Uint8Array, shape: Shape): Q8Tensor {
  const { codes, absmax } = splitBlocks(bytes)
  return new Q8Tensor(
    shape,
    fromArray(device, codes, shape, 'q8_0 codes'),
    fromArray(device, absmax, [absmax.length], 'q8_0 scales'),
  )
}

const markerOf = (weight: string) => `${weight}.ggml_type`
const bytesFor = (shape: Shape) => (countOf(shape) / blockSize) * blockBytes

export const q8: StorageFormat<Q8Tensor> = {
  name: 'q8_0',
  words: 'Q8_0',
  types: ['q8_0'],
  owns: (matrix) => matrix instanceof Q8Tensor,
  check(options) {
    check(
      (options.blockSize ?? blockSize) === blockSize,
      'config',
      () => `quantize: blocks of q8_0 are of ${blockSize}`,
    )
  },
  quantize(x) {
    const { parts } = quantizeInt8(reshaped(x, [x.count / blockSize, blockSize]))
    return new Q8Tensor(x.shape, parts.codes, parts.scale)
  },
  weightBeside: (tensor) => (tensor.endsWith('.ggml_type') ? tensor.slice(0, -'.ggml_type'.length) : null),
  find(checkpoint: Checkpoint, weight) {
    if (!checkpoint.beside(weight).includes(markerOf(weight))) return null
    const { begin, end } = checkpoint.info(weight)
    return {
      misfit: (shape) => (end - begin === bytesFor(shape) ? null : `${weight} is ${end - begin} bytes of q8_0`),
      recipe: async () => ({ type: 'q8_0', blockSize, doubleQuant: false }),
      async load(device, shape) {
        const bytes = await checkpoint.readBytes(weight)
        return rootedMatrix(device, () => q8FromBlocks(device, bytes, shape))
      },
    }
  },
  async save(name, like, owner) {
    const [dtype, marker] = ['U8', markerOf(name)] as const
    const bytes = () =>
      owner.lend(async ({ codes, absmax }) => joinBlocks(await codes.readBytes(), await absmax.read()))
    return {
      codes: { name, dtype, shape: [bytesFor(like.shape)], parameters: like.count, bytes },
      // 8: GGML_TYPE_Q8_0.
      state: [{ name: marker, dtype, shape: [], parameters: 0, bytes: async () => Uint8Array.of(8) }],
    }
  },
  config: () => null,
}
