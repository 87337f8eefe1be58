/** Types of a kernel's parameters: each takes 4 bytes in the uniform block. */
export type ParamType = 'u32' | 'f32'

/** Values of a kernel's parameters, by name. Booleans travel as 0 and 1. */
export type ParamValues<P extends Readonly<Record<string, ParamType>>> = { readonly [name in keyof P]: number }

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
  /** Whether parameters change from call to call, as a dropout's seed does: they are then sent anew with every batch. Default false. */
  readonly varies?: boolean
  /** Number of independent shares the CPU twin's work falls into; a range of them is one call. */
  items(params: ParamValues<P>): number
  /** Values of the WGSL twin's `override` constants. */
  readonly constants: Readonly<Record<string, number>>
  /** Workgroups of the WGSL twin. */
  groups(params: ParamValues<P>): readonly [number, number, number]
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
