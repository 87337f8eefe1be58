/**
 * GGUF's Q8_0 as a stranger would add it under a name of its own: one file, by the package's public rooms. A block of
 * 32 elements is 34 bytes, an f16 scale and 32 signed codes; the value of a code is code · scale (ggml-common.h,
 * block_q8_0). In the checkpoint of these tests a weight is its blocks as they lie in a GGUF file, in U8, with a marker
 * beside it.
 */
import { type Device, empty, fromArray, MedAwareError, type Shape, type Tensor } from '../../src/index.ts'
import { type StorageFormat, StoredMatrix } from '../../src/nn/index.ts'
import { f16ToF32, f32ToF16 } from '../../src/safetensors/index.ts'

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
    const one = { nested: null, tables: null, bits: 8, isBf16: 0, scaling: 0, nestedCount: 0 } as const
    super(
      shape,
      [codes, absmax],
      { codes, absmax, blockSize, ...one },
      { type: 'own_q8', blockSize, doubleQuant: false },
    )
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
const bytesFor = (shape: Shape) => (shape.reduce((count, size) => count * size, 1) / blockSize) * blockBytes

export const q8: StorageFormat<Q8Tensor> = {
  name: 'own_q8',
  words: 'own Q8',
  types: ['own_q8'],
  owns: (matrix) => matrix instanceof Q8Tensor,
  check(options) {
    if ((options.blockSize ?? blockSize) === blockSize) return
    throw new MedAwareError('config', `quantize: blocks of own_q8 are of ${blockSize}`)
  },
  quantize(x) {
    const { device, shape, count } = x
    const [codes, absmax] = [
      empty(device, shape, 'q8_0 codes', 'u8'),
      empty(device, [count / blockSize], 'q8_0 scales'),
    ]
    // The kernel has a scale for each row: blocks are its rows.
    device.run('quantizeInt8', { input: x, codes, scale: absmax }, { rows: absmax.count, dim: blockSize })
    return new Q8Tensor(shape, codes, absmax)
  },
  weightBeside: (tensor) => (tensor.endsWith('.ggml_type') ? tensor.slice(0, -'.ggml_type'.length) : null),
  find(checkpoint, weight) {
    if (!checkpoint.beside(weight).includes(markerOf(weight))) return null
    const { begin, end } = checkpoint.info(weight)
    return {
      misfit: (shape) => (end - begin === bytesFor(shape) ? null : `${weight} is ${end - begin} bytes of own_q8`),
      recipe: async () => ({ type: 'own_q8', blockSize, doubleQuant: false }),
      async load(device, shape) {
        const bytes = await checkpoint.readBytes(weight)
        return device.memory.rooted(() => q8FromBlocks(device, bytes, shape))
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
