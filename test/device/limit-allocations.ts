import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'

/** Lets a device make so many buffers more, and none after them, until that is lifted. */
export function limitAllocations({ memory }: Device, room: number): { lift(): void } {
  const allocate = memory.allocate.bind(memory)
  let left = room
  memory.allocate = (byteLength, label) => {
    if (left-- > 0) return allocate(byteLength, label)
    throw new MedAwareError('memory', `the test has no room for ${label}, ${byteLength} bytes`)
  }
  return {
    lift() {
      memory.allocate = allocate
    },
  }
}
