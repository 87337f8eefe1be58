import { countOf, showShape } from '../../core/shape.ts'
import { findQuantState } from '../../quant/bitsandbytes-state.ts'
import type { Checkpoint, StoredWeight } from '../format.ts'

/** What reads such a weight: few checkpoints have one. */
const reader = () => import('./load-four-bit.ts')

/** Where the state of a weight lies, and what its name and its neighbours say of it. */
export type FoundState = NonNullable<ReturnType<typeof findQuantState>>

/** A weight that bitsandbytes stored in 4 bits. @throws MedAwareError as `findQuantState`. */
export function findFourBit(checkpoint: Checkpoint, weight: string): StoredWeight | null {
  const found = findQuantState(weight, checkpoint.beside(weight))
  if (found === undefined) return null
  return {
    misfit(shape) {
      const { begin, end } = checkpoint.info(weight)
      const bytes = Math.ceil(countOf(shape) / 2)
      return end - begin === bytes
        ? null
        : `${weight} is ${end - begin} bytes in 4 bits, ${showShape(shape)} takes ${bytes}`
    },
    async recipe() {
      const { readQuantState } = await reader()
      const { quantType: type, blockSize, nestedOffset } = await readQuantState(checkpoint, found)
      return { type, blockSize, doubleQuant: nestedOffset !== undefined }
    },
    load: async (device, shape) => (await reader()).loadFourBit(device, checkpoint, weight, shape, found),
  }
}
