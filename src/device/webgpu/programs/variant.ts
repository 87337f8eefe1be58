import type { KernelName } from '../../register/kernels.ts'
import type { Params } from '../../register/param-type.ts'
import type { WgslText } from './texts.ts'

/** What kernels want to know of an adapter. */
export interface AdapterTraits {
  /** Whether a CPU stands in for the adapter: then loads are what costs, and workgroup memory gains nothing. */
  readonly isSoftware: boolean
  /** Lanes that every subgroup has at least; 0 where kernels may not use subgroups. */
  readonly subgroupLanes: number
  /** Whether there are subgroup matrices of 8 × 8 × 8 in f32, and all subgroups have 32 lanes. */
  readonly hasMatrices: boolean
}

/** Another WGSL program of a kernel, with the same bindings and parameters. */
export interface Variant {
  readonly kernel: KernelName
  /** A text of its own, or the twin's with other constants. */
  readonly text: WgslText
  /** Values of its `override` constants. */
  readonly constants: Readonly<Record<string, number>>
  /**
   * Largest error that its arithmetic explains, as a share of the largest result; the self-test strikes what is worse.
   * Default 1e-4.
   */
  readonly tolerance?: number
  /** Whether it can do a call. */
  takes(params: Params): boolean
  /**
   * Whether it is a good guess for a call that it takes; if not, it is chosen only where it was the fastest. Default:
   * always.
   */
  suits?(params: Params): boolean
  groups(params: Params): readonly [number, number, number]
}
