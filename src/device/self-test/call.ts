import type { KernelName, KernelParams, KernelReads, KernelWrites } from '../register/kernels.ts'

/** What a buffer of a test holds. */
export type TestNumbers = Float32Array | Uint8Array | Uint16Array | Int32Array | Uint32Array

/** One call of kernel `K`, small enough to be compared in no time. */
export interface Call<K extends KernelName> {
  readonly reads: { readonly [name in KernelReads<K>]: TestNumbers | null }
  /** What the written buffers hold before. */
  readonly writes: { readonly [name in KernelWrites<K>]: TestNumbers }
  readonly params: KernelParams<K>
  /** Steps that a u8 code may be off by where arithmetic differs in its last bit. Default 0. */
  readonly codeSteps?: number
}
