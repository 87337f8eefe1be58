import { fold } from '../../register/kernel-row.ts'
import { isFormat, storedFormats } from './stored-formats.ts'
import type { Params } from '../../register/param-type.ts'
import type { AdapterTraits, Variant } from './variant.ts'

/** Formats of the weights whose rows are measured. */
const formats = [...storedFormats, { BITS: 32, IS_BF16: 0, IN_BLOCKS: 0 }] as const

/** Lanes of a workgroup, which are those of a CPU's vectors. */
const LANES = 8

/** Whether words and blocks come out even for what the text does with them. */
function isEven({ bits, dim = 0, blockSize = 1 }: Params): boolean {
  if (dim % 8 !== 0) return false
  return bits === 16 || bits === 32 || (dim % blockSize === 0 && blockSize % 8 === 0)
}

/** Programs of DoRA's norms for adapters that a CPU stands in for. */
export function magnitudeVariants({ isSoftware, subgroupLanes }: AdapterTraits): readonly Variant[] {
  if (!isSoftware || subgroupLanes < LANES) return []
  return formats.flatMap((format) =>
    [8, 16, 32, 64].map((RANKS): Variant => ({
      kernel: 'updatedNorms',
      text: 'updatedNormsBroadcast',
      constants: { LANES, RANKS, ...format },
      takes: (params) => isFormat(format, params) && isEven(params) && (params['r'] ?? 0) <= RANKS,
      groups: ({ rows = 0 }) => fold(rows / (4 * LANES)),
    })),
  )
}
