import { expect } from 'vitest'
import { Random } from '../../src/core/random.ts'
import type { Binding, Device } from '../../src/device/device.ts'
import type { KernelName, KernelParams, KernelReads, KernelWrites } from '../../src/device/register/kernels.ts'

/** What a buffer holds. */
export type Numbers = Float32Array | Uint8Array | Uint16Array | Int32Array | Uint32Array

/** One call of a kernel, and what it must give. */
export interface KernelCase {
  readonly kernel: KernelName
  readonly title: string
  readonly reads: Readonly<Record<string, Numbers | null>>
  /** What the written buffers hold before. */
  readonly writes: Readonly<Record<string, Numbers>>
  readonly params: Readonly<Record<string, number>>
  /** Computed in doubles. */
  readonly expected: Readonly<Record<string, ArrayLike<number> | undefined>>
  /** Largest error as a share of the largest entry expected; 0: none. */
  readonly tolerance: number
  /**
   * Codes a u8 output may be off by where a device's arithmetic differs in the last bit. The CPU must give the codes.
   */
  readonly codeSteps: number
}

/** Declares a case; it exists so that TypeScript checks names against the register. */
export function kernelCase<K extends KernelName>(
  kernel: K,
  title: string,
  parts: {
    readonly reads: { readonly [name in KernelReads<K>]: Numbers | null }
    readonly writes: { readonly [name in KernelWrites<K>]: Numbers }
    readonly params: KernelParams<K>
    readonly expected: { readonly [name in KernelWrites<K>]?: ArrayLike<number> }
    readonly tolerance?: number
    readonly codeSteps?: number
  },
): KernelCase {
  return { kernel, title, tolerance: 1e-5, codeSteps: 0, ...parts }
}

const guardBytes = 256

/**
 * Runs a case, if not said otherwise by what the device chooses, in windows with guard bytes around them, which must
 * not change, and returns what was written.
 */
export async function runCase(
  device: Device,
  { kernel, reads, writes, params }: KernelCase,
  run: (bindings: never) => void = (bindings) => device.run(kernel, bindings, params as never),
): Promise<Record<string, Numbers>> {
  const bindings: Record<string, Binding | null> = {}
  for (const [name, numbers] of Object.entries({ ...reads, ...writes })) {
    bindings[name] = numbers === null ? null : place(device, numbers, name)
  }
  run(bindings as never)
  const written: Record<string, Numbers> = {}
  for (const [name, before] of Object.entries(writes)) {
    const { buffer } = bindings[name] as Binding
    const bytes = await device.download({ buffer, byteOffset: 0, byteLength: buffer.byteLength })
    const end = guardBytes + Math.ceil(before.byteLength / 4) * 4
    const guards = [...bytes.subarray(0, guardBytes), ...bytes.subarray(end)]
    expect(
      guards.every((byte) => byte === 0xab),
      `${name}: bytes around the window`,
    ).toBe(true)
    const content = bytes.slice(guardBytes, guardBytes + before.byteLength)
    written[name] = new (before.constructor as new (buffer: ArrayBuffer) => Numbers)(content.buffer)
  }
  for (const binding of Object.values(bindings)) if (binding) device.memory.release(binding.buffer)
  return written
}

function place(device: Device, numbers: Numbers, label: string): Binding {
  const rounded = Math.ceil(numbers.byteLength / 4) * 4
  const buffer = device.memory.allocate(rounded + 2 * guardBytes, label)
  const bytes = new Uint8Array(buffer.byteLength).fill(0xab)
  bytes.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), guardBytes)
  device.upload({ buffer, byteOffset: 0, byteLength: buffer.byteLength }, bytes)
  return { buffer, byteOffset: guardBytes, byteLength: numbers.byteLength }
}

/** Holds what a device wrote against what a case expects. */
export function expectCase(one: KernelCase, written: Readonly<Record<string, Numbers>>, device: Device): void {
  expect(faultOf(one, written, device)).toBeNull()
}

/** In what a device wrote something else than a case expects; null where it did not. */
export function faultOf(
  one: KernelCase,
  written: Readonly<Record<string, Numbers>>,
  device: Pick<Device, 'kind'>,
): string | null {
  for (const [name, expected] of Object.entries(one.expected)) {
    const got = written[name] ?? []
    if (expected === undefined) continue
    if (got.length !== expected.length) return `${name} has ${got.length} numbers, not ${expected.length}`
    let largest = 0
    let worst = 0
    let at = 0
    for (let i = 0; i < expected.length; i++) {
      largest = Math.max(largest, Math.abs(expected[i] ?? NaN))
      const error = Math.abs((got[i] ?? NaN) - (expected[i] ?? NaN))
      // Negated, so that NaN counts.
      if (!(error <= worst)) [worst, at] = [error, i]
    }
    const isCode = got instanceof Uint8Array
    const allowed = isCode ? (device.kind === 'cpu' ? 0 : one.codeSteps) : one.tolerance * largest
    if (!(worst <= allowed)) {
      return `${name}[${at}] is ${got[at]}, not ${expected[at]}: off by ${worst}, allowed ${allowed}`
    }
  }
  return null
}

let random: Random | undefined

/**
 * Begins the draws of a file, whose name it is given: the first thing that a file does which draws. Files share
 * processes, and would else draw other numbers whenever others came before them.
 */
export function seedDraws(file: string): void {
  random = new Random(Array.from(file).reduce((hash, letter) => (hash * 31 + letter.charCodeAt(0)) >>> 0, 7))
}

function draws(): Random {
  if (random === undefined) throw new Error('call seedDraws first')
  return random
}

/** Standard normal numbers. */
export function normals(count: number, scale = 1): Float32Array {
  const random = draws()
  return Float32Array.from({ length: count }, () => scale * random.normal())
}

/** Integers from 0 to `below`. */
export function integers(count: number, below: number): Uint32Array {
  const random = draws()
  return Uint32Array.from({ length: count }, () => random.below(below))
}

/** Values that a kernel must overwrite, or add to. */
export function junk(count: number): Float32Array {
  return normals(count, 3)
}

/** Reads an element that is there. */
export function at(numbers: ArrayLike<number>, i: number): number {
  const value = numbers[i]
  if (value === undefined) throw new Error(`index ${i} of ${numbers.length}`)
  return value
}

/** f(0), f(1), … in doubles. */
export function doubles(count: number, f: (i: number) => number): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => f(i))
}

/** f(0) + f(1) + … */
export function sumOf(count: number, f: (i: number) => number): number {
  let sum = 0
  for (let i = 0; i < count; i++) sum += f(i)
  return sum
}
