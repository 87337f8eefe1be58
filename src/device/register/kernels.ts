import { activationKernels } from './activation-kernels.ts'
import { attentionKernels } from './attention-kernels.ts'
import { blockKernels } from './block-kernels.ts'
import { elementwiseKernels } from './elementwise-kernels.ts'
import type { KernelRow } from './kernel-row.ts'
import { lossKernels } from './loss-kernels.ts'
import { magnitudeKernels } from './magnitude-kernels.ts'
import { matmulKernels } from './matmul-kernels.ts'
import { normKernels } from './norm-kernels.ts'
import { optimKernels } from './optim-kernels.ts'
import type { ParamValues } from './param-type.ts'
import { recurrentKernels } from './recurrent-kernels.ts'
import { stridedKernels } from './strided-kernels.ts'
import { storedKernels } from './stored-kernels.ts'
import { sumKernels } from './sum-kernels.ts'
import { tableKernels } from './table-kernels.ts'

/**
 * The register of kernels: every verb a device knows, a file a family as in `kernels/`. A row says what a kernel reads,
 * writes and is told, how its work is cut, and what it is tested with; shapes and formulas stand in the twins' headers.
 */
export const kernels = {
  ...matmulKernels,
  ...blockKernels,
  ...storedKernels,
  ...magnitudeKernels,
  ...tableKernels,
  ...normKernels,
  ...activationKernels,
  ...elementwiseKernels,
  ...recurrentKernels,
  ...stridedKernels,
  ...sumKernels,
  ...attentionKernels,
  ...lossKernels,
  ...optimKernels,
} as const

/** Every kernel's name. */
export type KernelName = keyof typeof kernels

type RowOf<K extends KernelName> = (typeof kernels)[K]

/** The parameters kernel `K` takes. */
export type KernelParams<K extends KernelName> =
  RowOf<K> extends KernelRow<string, string, infer P> ? ParamValues<P> : never

/** Names kernel `K` reads. */
export type KernelReads<K extends KernelName> = RowOf<K>['reads'][number]

/** Names kernel `K` writes. */
export type KernelWrites<K extends KernelName> = RowOf<K>['writes'][number]
