import { MedAwareError } from '../../core/errors.ts'
import { DryDevice } from '../../device/dry-device.ts'
import type { Checkpoint } from '../../formats/format.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import type { LoadModelOptions } from '../load/load-options.ts'
import { keptWeight } from '../load/kept-weight.ts'
import { adviceFor, type Change, type Need } from './memory-advice.ts'
import { dryWeights } from './dry-weights.ts'
import type { WeightStorage } from '../load/weight-storage.ts'

/**
 * Whether the device has room for a checkpoint's weights as they are to be stored; nothing is read for it.
 * @throws MedAwareError `memory` that says what is needed, what there is and what to change.
 */
export function checkRoom(
  reader: Checkpoint,
  specs: readonly WeightSpec[],
  source: string,
  options: LoadModelOptions,
): void {
  const need = (storage: WeightStorage): Need => {
    const dry = new DryDevice(options.device.kind)
    dryWeights(dry, specs, storage, (spec) => storedBytes(reader, spec, storage))
    const { label, byteLength: bytes } = dry.largest
    return { total: dry.memory.peakBytes, largest: { label, bytes } }
  }
  const advice = adviceFor(options.device, need(options), changesOf(options, need))
  if (advice !== null) throw new MedAwareError('memory', `${source}: ${advice}`)
}

function* changesOf(
  { quantize = false, dtype = 'f32' }: WeightStorage,
  need: (storage: WeightStorage) => Need,
): Generator<Change> {
  const nf4 = { type: 'nf4' } as const
  if (quantize === false) yield { words: `{ quantize: { type: 'nf4' } }`, plan: need({ quantize: nf4, dtype }) }
  if (dtype === 'f32' && quantize !== false) yield { words: `{ dtype: 'f16' }`, plan: need({ quantize, dtype: 'f16' }) }
  if (dtype === 'f32' && quantize === false) {
    yield { words: `{ quantize: { type: 'nf4' }, dtype: 'f16' }`, plan: need({ quantize: nf4, dtype: 'f16' }) }
  }
}

/**
 * Bytes of a weight that stays as the checkpoint has it, with what stands beside it; undefined for another.
 */
function storedBytes(reader: Checkpoint, spec: WeightSpec, storage: WeightStorage): number | undefined {
  const kept = keptWeight(reader, spec, storage)
  if (kept === null) return undefined
  if (kept.onDevice !== undefined) return kept.onDevice.byteLength
  return [spec.name, ...reader.beside(spec.name)].reduce(
    (sum, key) => sum + reader.info(key).end - reader.info(key).begin,
    0,
  )
}
