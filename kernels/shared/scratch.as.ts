// Working memory of one instance. Static memory would be shared between threads, so the device hands each instance its
// own.

let start: usize = 0
let size: u32 = 0

/** First byte behind the module's constants: where the device may begin to allocate. */
export function heapBase(): usize {
  return __heap_base
}

/** Bytes the kernels want; attention takes as many again for every 300,000 keys. */
export function scratchBytes(): u32 {
  return 0x450000
}

/** Called once per instance, with memory aligned to 64 bytes. */
export function setScratch(pointer: usize, bytes: u32): void {
  start = pointer
  size = bytes
}

/** The scratch memory, of which the caller uses `bytes`; stops the program where there are fewer. */
export function scratch(bytes: u32): usize {
  if (bytes > size) unreachable()
  return start
}

/** Bytes of scratch memory behind the first `used`. */
export function scratchBehind(used: u32): u32 {
  return size > used ? size - used : 0
}
