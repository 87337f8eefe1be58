import { attentionVariants } from './attention-variants.ts'
import { magnitudeVariants } from './magnitude-variants.ts'
import { matmulVariants } from './matmul-variants.ts'
import { rowVariants } from './row-variants.ts'
import type { AdapterTraits, Variant } from './variant.ts'

/**
 * Programs that do kernels' work on an adapter beside their twins, the best guess first. Which does a call: choices.ts.
 */
export function variantsFor(traits: AdapterTraits): readonly Variant[] {
  return [...matmulVariants(traits), ...attentionVariants(traits), ...rowVariants(traits), ...magnitudeVariants(traits)]
}
