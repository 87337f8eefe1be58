import type { Cut } from './cut.ts'
import type { Draws, KernelCall } from './kernel-call.ts'
import type { ParamType, ParamValues } from './param-type.ts'

/**
 * One row of the kernel register: what a kernel reads, writes and is told, and how its work is cut.
 * Both twins (`kernels/<name>.wgsl` and `kernels/<name>.as.ts`) bind in this order: params, reads, writes.
 */
export interface KernelRow<
  R extends string = string,
  W extends string = string,
  P extends Readonly<Record<string, ParamType>> = Readonly<Record<string, ParamType>>,
> {
  /** Buffers that are only read. `null` may be bound where the kernel's header says so. */
  readonly reads: readonly R[]
  /** Buffers that are written, and may be read as well. */
  readonly writes: readonly W[]
  readonly params: P
  /**
   * Whether parameters change from call to call, as a dropout's seed does: they are then sent anew with every batch.
   * Default false.
   */
  readonly varies?: boolean
  /** What programs read when they are timed (tuner.ts), where zeros would leave them nothing to do. Default zeros. */
  trial?(params: ParamValues<P>): { readonly [name in R]?: Int32Array<ArrayBuffer> }
  /** Number of independent shares the CPU twin's work falls into; a range of them is one call. */
  items(params: ParamValues<P>): number
  /** Values of the WGSL twin's `override` constants. */
  readonly constants: Readonly<Record<string, number>>
  /** Workgroups of the WGSL twin. */
  groups(params: ParamValues<P>): readonly [number, number, number]
  /**
   * How a call may be cut where a binding, or the number of workgroups, is beyond an adapter. Of several ways the first
   * that helps is taken, and the pieces are cut again where they are still too large. Default: it cannot be cut.
   */
  readonly cuts?: readonly Cut<NoInfer<R | W>, ParamValues<P>>[]
  /** The calls that the self-test and the tests of both twins make. */
  calls(draws: Draws): readonly KernelCall<NoInfer<R>, NoInfer<W>, P>[]
}

/** Declares a row; it exists so that TypeScript infers the names. */
export function kernel<
  const R extends string,
  const W extends string,
  const P extends Readonly<Record<string, ParamType>>,
>(row: KernelRow<R, W, P>): KernelRow<R, W, P> {
  return row
}

/** Workgroups for `count` groups in a row, folded over two axes past WebGPU's limit of 65,535 on one. */
export function fold(count: number): readonly [number, number, number] {
  const groups = Math.max(1, Math.ceil(count))
  if (groups <= 65535) return [groups, 1, 1]
  const y = Math.ceil(groups / 65535)
  return [Math.ceil(groups / y), y, 1]
}

/** Invocations of a workgroup of most WGSL twins, which take one element, row or block each. */
export const LANES = 64

/** The override constant that says so. */
export const lanes = { LANES } as const

/** The same for kernels whose rows are long, or that have a single workgroup. */
export const wide = { LANES: 256 } as const

/** Workgroups and shares of a kernel that does `count` elements, each alone: four to an invocation, four to an item. */
export const byFour = {
  items: (p: { readonly count: number }) => Math.ceil(p.count / 4),
  constants: lanes,
  groups: (p: { readonly count: number }) => fold(p.count / 4 / LANES),
} as const
