import { nextTurn } from '#platform'
import { check } from '../../../../core/errors.ts'
import type { Adapter } from '../../../adapter.ts'
import { cordaDefaults } from '../../corda-config.ts'
import type { LoraConfig } from '../../lora-config.ts'
import { cordaFactors, damp } from '../corda.ts'
import { isOverRest } from '../rest.ts'
import { beginOver, checkStart, hostMatrix } from '../start-from-base.ts'
import type { StartBatches } from './batches.ts'
import { inputCovariances } from './covariances.ts'
import { isReader, withLayerInputs } from './layer-inputs.ts'
import type { LongStart } from './long-start.ts'

/**
 * Starts the linear layers of an adapter by CorDA, from the base's weights and what its layers get of the batches
 * (peft/tuners/lora/corda.py, preprocess_corda). Layers that get the same tensor share its covariance.
 * @throws MedAwareError as `inputCovariances` and `startFromBase`; `config` for a model that reads no batches.
 */
export async function startByCorda(
  { model, config, name, layers }: Adapter<LoraConfig>,
  batches: StartBatches,
  { who, onProgress, signal }: LongStart,
): Promise<void> {
  check(isReader(model), 'config', () => `${who}: the model has no method forward, which is to read batches`)
  const { cordaMethod } = { ...cordaDefaults, ...config.cordaConfig }
  const paths = [...layers].flatMap(([path, layer]) => {
    const part = layer.adapter(name)
    if (!isOverRest(part)) return []
    checkStart(path, layer.baseWeights['weight']?.shape ?? [], part)
    return [path]
  })
  const since = performance.now()
  let done = 0
  const tell = () => {
    const secondsLeft = done === 0 ? null : (((performance.now() - since) / 1000) * (paths.length - done)) / done
    onProgress?.(done, paths.length, secondsLeft)
  }
  await withLayerInputs(model, paths, async (read) => {
    for await (const input of inputCovariances(read, paths, batches, { who, signal, onBatch: tell })) {
      damp(input.values, input.size, () => {
        return `${who}: the covariance of what ${input.paths[0]} gets is 0 or not finite; leave it out of targetModules`
      })
      for (const path of input.paths) {
        const layer = layers.get(path)
        const part = layer?.adapter(name)
        const weight = layer?.baseWeights['weight']
        if (layer === undefined || part === undefined || !isOverRest(part) || !weight)
          throw new Error(`${path}: no layer`)
        const { rows: rank } = part.factors['lora_A.weight']
        const matrix = await hostMatrix(weight)
        beginOver(layer, part, cordaFactors(matrix, input.values, cordaMethod, rank, part.scaling), true)
        done++
        tell()
        await nextTurn()
        signal?.throwIfAborted()
      }
    }
  })
}
