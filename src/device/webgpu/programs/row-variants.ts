import { fold, LANES } from '../../register/kernel-row.ts'
import type { KernelName } from '../../register/kernels.ts'
import type { WgslText } from './texts.ts'
import type { AdapterTraits, Variant } from './variant.ts'

/**
 * Programs for kernels that take a workgroup for each row, with texts that load four elements at a time. On a CPU, a
 * workgroup as wide as its vectors has no other part to wait for.
 */
export function rowVariants({ isSoftware }: AdapterTraits): readonly Variant[] {
  const variant = (kernel: KernelName, text: WgslText, length: 'dim' | 'vocab', lanes: number): Variant => ({
    kernel,
    text,
    constants: { LANES: isSoftware ? 8 : lanes },
    takes: (params) => (params[length] ?? 0) % 4 === 0,
    groups: ({ rows = 0 }) => fold(rows),
  })
  return [
    variant('layerNorm', 'layerNormVectors', 'dim', LANES),
    variant('addLayerNorm', 'addLayerNormVectors', 'dim', LANES),
    variant('layerNormBackward', 'layerNormBackwardVectors', 'dim', LANES),
    variant('crossEntropy', 'crossEntropyVectors', 'vocab', 4 * LANES),
  ]
}
