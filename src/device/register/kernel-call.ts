import { Random } from '../../core/random.ts'
import type { ParamType, ParamValues } from './param-type.ts'

/** What a buffer of a test holds. */
export type TestNumbers = Float32Array | Uint8Array | Uint16Array | Int32Array | Uint32Array

/** One call of a kernel, small enough to be compared in no time. */
export interface KernelCall<
  R extends string = string,
  W extends string = string,
  P extends Readonly<Record<string, ParamType>> = Readonly<Record<string, ParamType>>,
> {
  readonly reads: { readonly [name in R]: TestNumbers | null }
  /** What the written buffers hold before. */
  readonly writes: { readonly [name in W]: TestNumbers }
  readonly params: ParamValues<P>
  /** Steps that a u8 code may be off by where arithmetic differs in its last bit. Default 0. */
  readonly codeSteps?: number
}

/** Numbers to call a kernel with; the same each time. */
export class Draws {
  readonly #random = new Random(4)

  readonly normals = (count: number) => Float32Array.from({ length: count }, () => this.#random.normal())
  /** Well above 0. */
  readonly positives = (count: number) => this.normals(count).map((x) => 0.05 + Math.abs(x))
  readonly ids = (count: number, below: number) => Uint32Array.from({ length: count }, () => this.#random.below(below))
}

const counts = [3, 67, 1030]
/** Rows and columns of a table. */
const tables = [
  [1, 5],
  [9, 64],
  [18, 131],
] as const

/** A call for each of a few counts: below a vector, a ragged one, more than a workgroup. */
export const perCount = <T>(make: (count: number) => T): T[] => counts.map(make)

/** A call for each of a few tables, in whole and ragged vectors. */
export const perTable = <T>(make: (rows: number, dim: number) => T): T[] => tables.map(([rows, dim]) => make(rows, dim))
