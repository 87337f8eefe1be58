import type { Checkpoint, StoredWeight } from '../../formats/format.ts'
import { storedWeight } from '../../formats/formats.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import { quantizationFor, type WeightStorage } from './weight-storage.ts'

/**
 * A weight that stays as the checkpoint has it stored; `null` for one whose numbers are read, which are those of a GGUF
 * file where the options ask for another storage: tables with any `quantize`, since no other format has them.
 */
export function keptWeight(checkpoint: Checkpoint, spec: WeightSpec, storage: WeightStorage): StoredWeight | null {
  const stored = storedWeight(checkpoint, spec.name)
  if (stored === null || stored.readsAsNumbers !== true) return stored
  if (spec.role !== 'projection') return spec.role === 'embedding' && storage.quantize === undefined ? stored : null
  return storage.quantize !== false && quantizationFor(spec, storage) === null ? stored : null
}
