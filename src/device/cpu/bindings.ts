import { MedAwareError } from '../../core/errors.ts'
import { CpuBuffer, type CpuHeap } from './heap.ts'
import type { Binding } from '../device.ts'
import type { KernelName } from '../register/kernels.ts'
import type { Memory } from '../memory.ts'
import { rowOf } from '../row-of.ts'

/**
 * The address of a window of this heap's memory.
 * @throws MedAwareError `device` when its buffer is foreign or freed, `shape` when it is shorter than the window; as
 * WebGPU's.
 * @param binding What the window is bound to. Default: to nothing.
 */
export function addressOf(who: string, window: Binding, heap: CpuHeap, memory: Memory, binding = ''): number {
  const { buffer, byteOffset, byteLength } = window
  const isWithin = byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= buffer.byteLength
  if (buffer instanceof CpuBuffer && buffer.heap === heap && isWithin && memory.isLive(buffer)) {
    return buffer.pointer + byteOffset
  }
  throw refusal(binding === '' ? who : `${who}: ${binding}`, window, heap, memory)
}

/** Why a window has no address: a token asks for thousands, and a message that nobody reads costs as much as one. */
function refusal(place: string, { buffer, byteOffset, byteLength }: Binding, heap: CpuHeap, memory: Memory) {
  if (!(buffer instanceof CpuBuffer && buffer.heap === heap)) {
    return new MedAwareError('device', `${place}: buffer ${buffer.label} belongs to another device`)
  }
  if (!memory.isLive(buffer)) {
    return new MedAwareError('device', `${place}: buffer ${buffer.label} was freed; keep it in its scope`)
  }
  return new MedAwareError(
    'shape',
    `${place}: window of ${byteLength} bytes at ${byteOffset} leaves buffer ${buffer.label} of ${buffer.byteLength} bytes`,
  )
}

/** What a kernel is given, in the order of its operands: reads, then writes, then parameters. */
interface OperandNames {
  readonly bindings: readonly string[]
  /** How many of the bindings are only read. */
  readonly reads: number
  readonly params: readonly string[]
}

/** Rows do not change, and a token takes hundreds of calls: each is looked through once. */
const known = new Map<KernelName, OperandNames>()

function namesOf(name: KernelName): OperandNames {
  const found = known.get(name)
  if (found !== undefined) return found
  const { reads, writes, params } = rowOf(name)
  const names = { bindings: [...reads, ...writes], reads: reads.length, params: Object.keys(params) }
  known.set(name, names)
  return names
}

/** What a kernel is called with. */
export interface Operands {
  /** The addresses of its bindings in the register's order, 0 for null, and behind them its parameters. */
  readonly numbers: number[]
  /** Bytes that it is given: less than a measure of its work, but a bound of it from below. */
  readonly bytes: number
}

/**
 * The operands of a call.
 * @throws MedAwareError as `addressOf`; `shape` for a binding that is missing, or shares its buffer with one that is
 * written; `device` for a parameter that is missing.
 */
export function operandsOf(
  name: KernelName,
  bindings: Readonly<Record<string, Binding | null | undefined>>,
  values: Readonly<Record<string, number>>,
  heap: CpuHeap,
  memory: Memory,
): Operands {
  const names = namesOf(name)
  const windows = inOrder(bindings, names.bindings)
  const numbers: number[] = []
  let bytes = 0
  for (let i = 0; i < windows.length; i++) {
    const window = windows[i]
    if (window === undefined || (window === null && i >= names.reads)) {
      const lack = window === null ? 'written and cannot be null' : 'not bound'
      throw new MedAwareError('shape', `${name}: ${names.bindings[i]} is ${lack}`)
    }
    if (window === null) numbers.push(0)
    else {
      numbers.push(addressOf(name, window, heap, memory, names.bindings[i]))
      bytes += window.byteLength
    }
  }
  for (let written = names.reads; written < windows.length; written++) {
    checkAlone(name, names.bindings, windows, written)
  }
  const params = inOrder(values, names.params)
  for (let i = 0; i < params.length; i++) {
    const value = params[i]
    if (value === undefined) throw new MedAwareError('device', `${name}: parameter ${names.params[i]} is missing`)
    numbers.push(value)
  }
  return { numbers, bytes }
}

/** Values by name, in the order of `names`. Most callers keep to it, and then none is looked up by its name. */
function inOrder<T>(given: Readonly<Record<string, T>>, names: readonly string[]): (T | undefined)[] {
  const values: T[] = []
  for (const name in given) {
    if (name !== names[values.length]) break
    values.push(given[name] as T)
  }
  return values.length === names.length ? values : names.map((name) => given[name])
}

/** Checks that nothing else is in the buffer of a window that is written. */
function checkAlone(
  name: KernelName,
  names: readonly string[],
  windows: readonly (Binding | null | undefined)[],
  written: number,
): void {
  const buffer = windows[written]?.buffer
  for (let other = 0; other < windows.length; other++) {
    if (other === written || windows[other]?.buffer !== buffer) continue
    throw new MedAwareError(
      'shape',
      `${name}: ${names[other]} and ${names[written]} are both in buffer ${buffer?.label}, and ${names[written]} is ` +
        'written; copy one first',
    )
  }
}
