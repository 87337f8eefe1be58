import { check } from '../../core/errors.ts'
import { countOf, sameShape, type Shape, showShape } from '../../core/shape.ts'
import type { Device } from '../../device/device.ts'
import { rootedMatrix } from '../../tensor/matrix.ts'
import { fromArray } from '../../tensor/tensor.ts'
import { checkScales } from '../check-scales.ts'
import type { Checkpoint, StoredWeight } from '../format.ts'
import { blockLayouts, blockSize, type BlockType } from './block-layouts.ts'
import { GgufTensor } from './gguf-tensor.ts'

const types = ['q8_0', 'q4_0'] as const satisfies readonly BlockType[]

/** A weight that a GGUF file has in blocks that kernels decode. */
export function findGguf(checkpoint: Checkpoint, weight: string): StoredWeight | null {
  const { storedAs, shape: stored } = checkpoint.info(weight)
  const type = types.find((each) => blockLayouts[each].storedAs === storedAs)
  if (type === undefined) return null
  const packedCount = (countOf(stored) * blockLayouts[type].bits) / 8
  return {
    readsAsNumbers: true,
    misfit: (shape) => (sameShape(stored, shape) ? null : `${weight} is ${showShape(stored)}, not ${showShape(shape)}`),
    recipe: async () => ({ type, blockSize, doubleQuant: false }),
    onDevice: { packedCount, byteLength: packedCount + 4 * (countOf(stored) / blockSize) },
    load: (device, shape) => loadBlocks(device, checkpoint, { name: weight, type, shape }),
  }
}

/** The weight's blocks are on the host once while they are taken apart. */
async function loadBlocks(
  device: Device,
  checkpoint: Checkpoint,
  { name, type, shape }: { readonly name: string; readonly type: BlockType; readonly shape: Shape },
): Promise<GgufTensor> {
  const { codes, absmax } = blockLayouts[type].split(await checkpoint.readBytes(name))
  checkScales(name, absmax)
  check(type !== 'q8_0' || !codes.includes(128), 'unsupported', () => {
    return `${name}: its Q8_0 has a code of -128, which ggml never writes and kernels cannot tell from -127; load it with { quantize: false }`
  })
  const matrix = rootedMatrix(device, () => {
    return new GgufTensor(shape, {
      type,
      codes: fromArray(device, codes, [codes.length], `${type} codes`),
      absmax: fromArray(device, absmax, [absmax.length], `${type} scales`),
    })
  })
  await device.settle()
  return matrix
}
