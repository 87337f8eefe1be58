import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { blockBytes, blockForms } from '../../quant/block-forms.ts'
import { splitPlain, type SplitBlocks, splitQ4, splitQ8 } from './split-blocks.ts'
import { splitK4, splitK5, splitK6 } from './split-k-blocks.ts'

/** A type of blocks that kernels decode as it is. */
export interface BlockLayout {
  /** ggml's name, as a reader's `storedAs` has it. */
  readonly storedAs: string
  /** Elements of a block of the file. */
  readonly size: 32 | 256
  /** Of a code. */
  readonly bits: 4 | 5 | 6 | 8
  /** As `Storage` has it: how scales are stored, and the elements that share one. */
  readonly scaling: 0 | 2 | 3 | 4 | 5
  readonly blockSize: 16 | 32
  split(blocks: Uint8Array): SplitBlocks
}

const oneScale = { size: 32, scaling: 0, blockSize: 32 } as const

/** By the name in `StorageRecipe`, which is ggml's in small letters; blocks are those of ggml-common.h. */
export const blockLayouts = {
  q8_0: { storedAs: 'Q8_0', bits: 8, ...oneScale, split: splitQ8 },
  q4_0: { storedAs: 'Q4_0', bits: 4, ...oneScale, split: splitQ4 },
  q4_1: { storedAs: 'Q4_1', size: 32, ...blockForms.q4_1, split: splitPlain(blockForms.q4_1) },
  q5_0: { storedAs: 'Q5_0', size: 32, ...blockForms.q5_0, split: splitPlain(blockForms.q5_0) },
  q5_1: { storedAs: 'Q5_1', size: 32, ...blockForms.q5_1, split: splitPlain(blockForms.q5_1) },
  q4_k: { storedAs: 'Q4_K', size: 256, ...blockForms.q4_k, split: splitK4 },
  q5_k: { storedAs: 'Q5_K', size: 256, ...blockForms.q5_k, split: splitK5 },
  q6_k: { storedAs: 'Q6_K', size: 256, ...blockForms.q6_k, split: splitK6 },
} as const satisfies Record<string, BlockLayout>

export type BlockType = keyof typeof blockLayouts

/** All of them, as `quantize` and `StorageRecipe` call them. */
export const blockTypes = [
  ...(['q8_0', 'q4_0', 'q4_1', 'q5_0', 'q5_1', 'q4_k', 'q5_k', 'q6_k'] as const satisfies readonly BlockType[]),
]

/** Bytes that a matrix of so many elements takes on a device, in its parts. */
export function bytesOfBlocks(type: BlockType, count: number) {
  if (type !== 'q8_0' && type !== 'q4_0') return blockBytes(blockForms[type], count)
  const { bits, blockSize } = blockLayouts[type]
  return { codes: (count * bits) / 8, absmax: (4 * count) / blockSize, nested: 0 }
}

/** A type of blocks by its name. @throws MedAwareError `config` where there is none. */
export function blockTypeOf(type: string): BlockType {
  const found = blockTypes.find((each) => each === type)
  check(
    found !== undefined,
    'config',
    () => `quantize: type must be one of ${blockTypes.join(', ')}, got ${show(type)}`,
  )
  return found
}
