import { expect } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'

/**
 * Does work again and again, each time with another of its allocations refused, until it needs no more of them. After
 * each failure the device must hold just what it held before. Returns how many allocations were refused; `undo` frees
 * what whole work made.
 */
export async function failEachAllocation<T>(
  device: Device,
  work: () => T | Promise<T>,
  undo: (made: T) => unknown,
): Promise<number> {
  const { memory } = device
  // What a device makes once and keeps, such as decoding tables, is made before bytes are counted.
  await undo(await work())
  const before = { bytes: memory.liveBytes, buffers: memory.liveBuffers }
  const held = () => ({ bytes: memory.liveBytes, buffers: memory.liveBuffers })
  for (let refused = 0; ; refused++) {
    const restore = refuse(device, refused)
    let made: T
    try {
      made = await work()
    } catch (error) {
      expect(error, `refused allocation ${refused}`).toMatchObject({ code: 'memory' })
      expect(held(), `after refused allocation ${refused}: ${String(error)}`).toEqual(before)
      continue
    } finally {
      restore()
    }
    await undo(made)
    expect(held(), 'after the whole').toEqual(before)
    return refused
  }
}

/** Lets a device refuse one allocation, the `number`th from here. */
function refuse({ memory }: Device, number: number): () => void {
  const allocate = memory.allocate.bind(memory)
  let left = number
  memory.allocate = (byteLength, label) => {
    if (left-- === 0) throw new MedAwareError('memory', `${label}: no room for ${byteLength} bytes`)
    return allocate(byteLength, label)
  }
  return () => {
    memory.allocate = allocate
  }
}
