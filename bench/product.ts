import { Random } from '../src/core/random.ts'
import type { Binding, Device } from '../src/device/device.ts'
import { dynamicMap, fourBitCode, quantizeAbsmax, quantizeFourBit } from '../src/quant/index.ts'

export function normals(count: number, seed = 1): Float32Array {
  const random = new Random(seed)
  return Float32Array.from({ length: count }, () => random.normal())
}

/** A buffer of the device with these numbers in it. */
export function put(device: Device, label: string, numbers: ArrayBufferView): Binding {
  const { byteLength } = numbers
  const window = { buffer: device.memory.allocate(byteLength, label), byteOffset: 0, byteLength }
  device.upload(window, numbers)
  return window
}

/** A product of the size of a projection, with everything it reads and writes on the device. */
export class Product {
  readonly #device: Device
  readonly #n: number
  readonly #k: number
  readonly #dense: Readonly<Record<'a' | 'b' | 'out', Binding>>
  readonly #packed: Readonly<Record<'codes' | 'absmax' | 'nested' | 'tables', Binding>>
  readonly #nestedCount: number

  constructor(device: Device, mostRows: number, n: number, k: number) {
    const weights = normals(n * k)
    const { codes, absmax } = quantizeFourBit(weights, { type: 'nf4', blockSize: 64 })
    const double = quantizeAbsmax(absmax)
    this.#device = device
    this.#n = n
    this.#k = k
    this.#dense = {
      a: put(device, 'a', normals(mostRows * k, 2)),
      b: put(device, 'b', weights),
      out: put(device, 'out', new Float32Array(mostRows * n)),
    }
    this.#packed = {
      codes: put(device, 'codes', codes),
      absmax: put(device, 'absmax', double.codes),
      nested: put(device, 'nested', Float32Array.of(...double.nestedAbsmax, double.offset)),
      tables: put(device, 'tables', Float32Array.of(...fourBitCode('nf4'), ...dynamicMap(true))),
    }
    this.#nestedCount = double.nestedAbsmax.length
  }

  /** Floating-point operations of `m` rows. */
  operations(m: number): number {
    return 2 * m * this.#n * this.#k
  }

  /** a is [k,m] if `transA`, b is [n,k] if `transB`. */
  dense(m: number, transA: 0 | 1, transB: 0 | 1): void {
    this.#device.run(
      'matmul',
      { ...this.#dense, bias: null },
      { ...this.#common(m), pitchA: transA ? m : this.#k, transA, transB },
    )
  }

  /** The same with b in double-quantised NF4. */
  fourBit(m: number, transB: 0 | 1): void {
    const { a, out } = this.#dense
    const storage = { bits: 4, isBf16: 0, blockSize: 64, scaling: 1, nestedCount: this.#nestedCount }
    this.#device.run(
      'matmulStored',
      { a, out, ...this.#packed, bias: null },
      { ...this.#common(m), ...storage, transB },
    )
  }

  #common(m: number) {
    return { m, n: this.#n, k: this.#k, pitchA: this.#k, pitchOut: this.#n, hasBias: 0, accumulate: 0, alpha: 1 }
  }
}
