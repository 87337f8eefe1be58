import { MedAwareError } from '../../core/errors.ts'
import { DryDevice } from '../../device/dry-device.ts'
import type { Checkpoint } from '../../formats/format.ts'
import { storedWeight } from '../../formats/formats.ts'
import type { WeightSpec } from '../../models/causal-lm.ts'
import type { LoadModelOptions } from '../load/load-options.ts'
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
    dryWeights(dry, specs, storage, (name) => storedBytes(reader, name))
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
 * Bytes of a weight that the checkpoint has quantised, with what stands beside it; undefined for one of plain numbers.
 */
function storedBytes(reader: Checkpoint, name: string): number | undefined {
  if (storedWeight(reader, name) === null) return undefined
  return [name, ...reader.beside(name)].reduce((sum, key) => sum + reader.info(key).end - reader.info(key).begin, 0)
}
