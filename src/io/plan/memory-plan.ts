import { flag, type OptionRules, orNull, readOptions, that, whole, withMethods } from '../../core/options.ts'
import type { Device } from '../../device/device.ts'
import { DryDevice } from '../../device/dry-device.ts'
import { formatOf } from '../../formats/formats.ts'
import { createModel, modelWeights } from '../../models/architectures.ts'
import type { ModelConfig } from '../../models/causal-lm.ts'
import type { Weight } from '../../nn/module.ts'
import { optimizerChoiceRule } from '../../optim/optimizers.ts'
import type { PlannedAdapter } from '../../peft/attach.ts'
import { Tensor } from '../../tensor/tensor.ts'
import { adviceFor, type Change } from './memory-advice.ts'
import { dryTraining, noTraining, type TrainingBytes, type TrainingPlanOptions } from './dry-training.ts'
import { dryWeights, type KeptRecipes } from './dry-weights.ts'
import { storageAliases, storageRules, type WeightStorage } from '../load/weight-storage.ts'

type Place = Pick<Device, 'description' | 'kind' | 'limits'>

/** What is to be loaded and trained. */
export interface MemoryPlanOptions extends WeightStorage, TrainingPlanOptions {
  /** Where it is to fit; without one the plan says nothing of that. */
  readonly device?: Place
  /**
   * The adapter that is trained, LoRA where it has no peftType; `null` where the model is only loaded. Default null.
   */
  readonly adapter?: PlannedAdapter | null
}

/** Bytes of weights by how they are stored; formats that were added to the table have theirs under their names. */
export type WeightBytes = Record<'f32' | 'f16' | 'bf16' | 'int8' | 'fourBit', number> & Record<string, number>

/** Bytes of device memory, by what they are for. */
export interface MemoryPlan extends TrainingBytes {
  /** The model's weights, by how they are stored. */
  readonly weights: Readonly<WeightBytes>
  /** Peak while the weights are loaded: the last of them may lie in f32 beside its quantised self. */
  readonly loading: number
  /** The most there is at any time. */
  readonly total: number
  /** The largest buffer. */
  readonly largest: { readonly label: string; readonly bytes: number }
  /** What is too large for the device, and what to change; `null` where it fits, or no device was given. */
  readonly advice: string | null
}

/**
 * What a model takes on a device, before anything is loaded: the model, its adapter and one training step are gone
 * through with all their allocations but no memory and no arithmetic (`DryDevice`), so the figures are those of
 * `Device.memory`. The WebGPU engine keeps released buffers of up to `WebGpuOptions.idleBytes`, and 16 MiB for uploads,
 * beside them.
 * @throws MedAwareError `config` for a batch or length that is no whole number from 1 on, and as `attachAdapter`.
 */
export function planMemory(config: ModelConfig, given: MemoryPlanOptions = {}): MemoryPlan {
  const options = readOptions('planMemory', given, rules, aliases)
  const plan = planFor(config, options)
  const { device } = options
  return device === undefined ? plan : { ...plan, advice: adviceFor(device, plan, changesOf(config, options)) }
}

/** The same, without advice, of a checkpoint of which some weights stay as they are stored there. */
export function planKept(config: ModelConfig, options: MemoryPlanOptions, kept: KeptRecipes): MemoryPlan {
  return planFor(config, readOptions('planMemory', options, rules, aliases), kept)
}

const placeRule = that('a device, such as openDevice gives', (value): value is Place => {
  if (typeof value !== 'object' || value === null || !('limits' in value)) return false
  return typeof value.limits === 'object' && value.limits !== null
})

const size = whole({ from: 1, to: 2 ** 31 })
const rules: OptionRules<MemoryPlanOptions> = {
  ...storageRules,
  device: placeRule,
  // Read by who attaches it.
  adapter: orNull(withMethods<PlannedAdapter>("an adapter's config such as { r: 16 }", [])),
  batchSize: size,
  length: size,
  gradientAccumulationSteps: size,
  gradientCheckpointing: flag,
  optimizer: optimizerChoiceRule,
}
const aliases = {
  ...storageAliases,
  per_device_train_batch_size: 'batchSize',
  max_length: 'length',
  max_seq_length: 'length',
  peft_config: 'adapter',
  lora: 'adapter',
  optim: 'optimizer',
} as const

function planFor(config: ModelConfig, options: MemoryPlanOptions, kept?: KeptRecipes): MemoryPlan {
  const { adapter = null } = options
  const device = new DryDevice('cpu')
  const { memory } = device
  const specs = modelWeights(config)
  const stored = dryWeights(device, specs, options, undefined, kept)
  const loading = memory.peakBytes
  const weights = bytesByFormat(stored.values())
  const training = adapter === null ? noTraining : dryTraining(createModel(config, stored), adapter, options)
  const { byteLength: bytes, label } = device.largest
  return {
    weights,
    loading,
    ...training,
    total: Math.max(loading, memory.peakBytes),
    largest: { label, bytes },
    advice: null,
  }
}

/** Options that take less memory, step by step, each kept for those after it. */
function* changesOf(config: ModelConfig, options: MemoryPlanOptions): Generator<Change> {
  const { quantize = false, dtype = 'f32', adapter = null, gradientCheckpointing = false } = options
  const { batchSize = 8, length = config.maxPositionEmbeddings } = options
  let changed: Partial<MemoryPlanOptions> = {}
  const after = (change: Partial<MemoryPlanOptions>): Change => {
    changed = { ...changed, ...change }
    const words = Object.entries(changed).map(
      ([name, value]) =>
        `${name}: ${typeof value === 'object' ? `{ type: 'nf4' }` : typeof value === 'string' ? `'${value}'` : String(value)}`,
    )
    return { words: `{ ${words.join(', ')} }`, plan: planFor(config, { ...options, ...changed }) }
  }
  if (quantize === false) yield after({ quantize: { type: 'nf4' } })
  if (dtype === 'f32') yield after({ dtype: 'f16' })
  if (adapter === null) return
  if (!gradientCheckpointing) yield after({ gradientCheckpointing: true })
  for (let size = batchSize; size > 1;) yield after({ batchSize: (size = Math.ceil(size / 2)) })
  for (let tokens = length; tokens > 128;) yield after({ length: (tokens = Math.ceil(tokens / 2)) })
}

function bytesByFormat(stored: Iterable<Weight>): WeightBytes {
  const weights: WeightBytes = { f32: 0, f16: 0, bf16: 0, int8: 0, fourBit: 0 }
  for (const weight of stored) {
    const name = weight instanceof Tensor ? weight.dtype : formatOf(weight).name
    weights[name] = (weights[name] ?? 0) + weight.byteLength
  }
  return weights
}
