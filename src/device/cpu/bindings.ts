import { check } from '../../core/errors.ts'
import { CpuBuffer, type CpuHeap } from './heap.ts'
import type { Binding } from '../device.ts'
import type { KernelName } from '../register/kernels.ts'
import type { Memory } from '../memory.ts'
import { rowOf } from '../row-of.ts'

/**
 * The address of a window of this heap's memory.
 * @throws MedAwareError `device` when its buffer is foreign or freed, `shape` when it is shorter than the window; as
 * WebGPU's.
 */
export function addressOf(who: string, window: Binding, heap: CpuHeap, memory: Memory): number {
  const { buffer, byteOffset, byteLength } = window
  check(
    buffer instanceof CpuBuffer && buffer.heap === heap,
    'device',
    () => `${who}: buffer ${buffer.label} belongs to another device`,
  )
  check(memory.isLive(buffer), 'device', () => `${who}: buffer ${buffer.label} was freed; keep it in its scope`)
  check(
    byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= buffer.byteLength,
    'shape',
    () =>
      `${who}: window of ${byteLength} bytes at ${byteOffset} leaves buffer ${buffer.label} of ${buffer.byteLength} bytes`,
  )
  return buffer.pointer + byteOffset
}

/**
 * The addresses of a kernel's bindings in the register's order, 0 for null.
 * @throws MedAwareError as `addressOf`; `shape` for a binding that is missing, or shares its buffer with one that is
 * written.
 */
export function addressesOf(
  name: KernelName,
  bindings: Readonly<Record<string, Binding | null | undefined>>,
  heap: CpuHeap,
  memory: Memory,
): number[] {
  const { reads, writes } = rowOf(name)
  const names = [...reads, ...writes]
  const addresses = names.map((binding, i) => {
    const window = bindings[binding]
    check(
      window !== undefined && (window !== null || i < reads.length),
      'shape',
      () => `${name}: ${binding} is ${window === null ? 'written and cannot be null' : 'not bound'}`,
    )
    return window === null ? 0 : addressOf(`${name}: ${binding}`, window, heap, memory)
  })
  for (const written of writes) {
    for (const other of names) {
      if (other === written) continue
      check(
        bindings[other]?.buffer !== bindings[written]?.buffer,
        'shape',
        () =>
          `${name}: ${other} and ${written} are both in buffer ${bindings[written]?.buffer.label}, and ${written} is written; ` +
          'copy one first',
      )
    }
  }
  return addresses
}
