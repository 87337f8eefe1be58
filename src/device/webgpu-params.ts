import type { KernelRow } from './kernel-row.ts'

type Params = Readonly<Record<string, number>>

/** A kernel's parameters as its uniform block holds them: in the register's order, 4 bytes each. */
export interface ParamLayout {
  readonly names: readonly string[]
  /** Whether each is a whole number (u32), not a factor (f32). */
  readonly isWhole: readonly boolean[]
  /** Bytes of the block, rounded to WGSL's 16. */
  readonly byteLength: number
}

/** The same bytes as whole numbers and as factors. */
export class ParamBytes {
  readonly bytes: ArrayBuffer
  readonly #whole: Uint32Array
  readonly #factors: Float32Array

  constructor(byteLength: number) {
    this.bytes = new ArrayBuffer(byteLength)
    this.#whole = new Uint32Array(this.bytes)
    this.#factors = new Float32Array(this.bytes)
  }

  /** Writes a kernel's parameters, from byte `at` on. */
  pack({ names, isWhole }: ParamLayout, params: Params, at: number): void {
    const first = at / 4
    for (let i = 0; i < names.length; i++) {
      const target = isWhole[i] === true ? this.#whole : this.#factors
      target[first + i] = params[names[i] ?? ''] ?? 0
    }
  }
}

export function paramLayout({ params }: KernelRow): ParamLayout {
  const names = Object.keys(params)
  return {
    names,
    isWhole: names.map((name) => params[name] === 'u32'),
    byteLength: Math.ceil((4 * names.length) / 16) * 16,
  }
}
