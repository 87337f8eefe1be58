/** A piece of a device's memory. Its bytes have no type; tensors give them one. */
export interface DeviceBuffer {
  /** Bytes asked for; a device may hold a few more. */
  readonly byteLength: number
  readonly label: string
  /** How often something has written to it: what was made of its bytes before may no longer be. */
  writes: number
  /** Whose it is, which is for `Memory` to say; null before and after its life. */
  owner: BufferOwner | null
}

/** What frees buffers: a scope of a device's memory. */
export interface BufferOwner {
  readonly memory: object
  readonly buffers: Set<DeviceBuffer>
}

/** Counts a kernel's call among the writes of what it writes. @param names What its row says it writes. */
export function countWrites(
  names: readonly string[],
  bindings: Readonly<Record<string, { readonly buffer: DeviceBuffer } | null>>,
): void {
  for (const name of names) {
    const binding = bindings[name]
    if (binding) binding.buffer.writes++
  }
}
