import { check } from '../../core/errors.ts'
import { countOf, sameShape, type Shape, showShape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import { rootedMatrix } from '../../tensor/matrix.ts'
import { fromArray } from '../../tensor/tensor.ts'
import { checkScales } from '../check-scales.ts'
import type { Checkpoint, StoredWeight } from '../format.ts'
import { blockLayouts, type BlockType, blockTypes, bytesOfBlocks } from './block-layouts.ts'
import { GgufTensor } from './gguf-tensor.ts'

/** A weight that a GGUF file has in blocks that kernels decode. */
export function findGguf(checkpoint: Checkpoint, weight: string): StoredWeight | null {
  const { storedAs, shape: stored } = checkpoint.info(weight)
  const type = blockTypes.find((each) => blockLayouts[each].storedAs === storedAs)
  if (type === undefined) return null
  const { codes, absmax, nested } = bytesOfBlocks(type, countOf(stored))
  return {
    readsAsNumbers: true,
    misfit: (shape) => (sameShape(stored, shape) ? null : `${weight} is ${showShape(stored)}, not ${showShape(shape)}`),
    recipe: async () => ({ type, blockSize: blockLayouts[type].size, doubleQuant: false }),
    onDevice: { packedCount: codes, byteLength: codes + absmax + nested },
    load: (device, shape) => loadBlocks(device, checkpoint, { name: weight, type, shape }),
  }
}

/** The weight's blocks are on the host once while they are taken apart. */
async function loadBlocks(
  device: Device,
  checkpoint: Checkpoint,
  { name, type, shape }: { readonly name: string; readonly type: BlockType; readonly shape: Shape },
): Promise<GgufTensor> {
  const { codes, absmax, nested } = blockLayouts[type].split(await checkpoint.readBytes(name))
  for (const scales of [absmax, nested]) {
    if (scales !== null && !(scales instanceof Uint8Array)) checkScales(name, scales)
  }
  check(type !== 'q8_0' || !codes.includes(128), 'unsupported', () => {
    return `${name}: its Q8_0 has a code of -128, which ggml never writes and kernels cannot tell from -127; load it with { quantize: false }`
  })
  const matrix = rootedMatrix(device, () => {
    const part = (numbers: Float32Array | Uint16Array | Uint8Array, what: string) => {
      const values = numbers instanceof Uint16Array ? new Uint8Array(numbers.buffer) : numbers
      return fromArray(device, values, [values.length], `${type} ${what}`)
    }
    return new GgufTensor(shape, {
      type,
      codes: part(codes, 'codes'),
      absmax: part(absmax, 'scales'),
      nested: nested && part(nested, 'scales of scales'),
    })
  })
  await device.settle()
  return matrix
}
