import { type OptionRules, readOptions, whole, withMethods } from '../../core/options.ts'
import { countOf } from '../../core/shape.ts'
import { DryDevice } from '../../device/dry-device.ts'
import type { Checkpoint } from '../../formats/format.ts'
import { optionsOf } from '../../formats/quantize-matrix.ts'
import { storageFormats, type StorageType } from '../../formats/formats.ts'
import { createModel, modelWeights, parseModelConfig } from '../../models/architectures.ts'
import type { ModelConfig, WeightSpec } from '../../models/causal-lm.ts'
import { parseAdapterConfig } from '../../peft/config/adapter-config.ts'
import type { AdapterMethod } from '../../peft/adapter-method.ts'
import { attachUnstarted, type PlannedAdapter } from '../../peft/attach.ts'
import type { AdapterConfig } from '../../peft/config/config-fields.ts'
import { countParameters, countWeights, type ParameterCounts } from '../../peft/parameter-counts.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import { openTensors, readJson, readModelConfig, type Folder } from '../sources/folder.ts'
import { folderOptions, hubFolderRules, type HubFolderOptions } from '../huggingface/hub-folder-options.ts'
import { loadTokenizer, openCheckpoint } from '../load/load-model.ts'
import { dryWeights, type KeptRecipes } from './dry-weights.ts'
import { type MemoryPlan, planKept, planMemory } from './memory-plan.ts'
import { openFolder, type Source } from '../sources/open-folder.ts'
import { fittingWeights } from '../load/fit.ts'
import { keptWeight } from '../load/kept-weight.ts'
import { settledHead } from '../load/tied-head.ts'

/** What is asked about a source. */
export interface InspectOptions extends HubFolderOptions {
  /**
   * The adapter whose parameters and training are counted. Default LoRA, r 16 on the architecture's usual projections.
   */
  readonly adapter?: PlannedAdapter
  /**
   * Examples and tokens of the training step that memory is planned for. Default 1 of 512, or of what the model has.
   */
  readonly batchSize?: number
  readonly length?: number
}

/** Tensors of a kind, and what they take in the files. */
export interface TensorTotals {
  readonly tensors: number
  readonly bytes: number
}

/** An adapter's config, and the same for people. */
export interface AdapterSummary {
  readonly config: AdapterConfig
  /** What its method is called: 'LoRA'. */
  readonly method: string
  /** What it was told, in one line. */
  readonly settings: string
}

/** What a model's folder holds, by its headers. */
export interface ModelReport {
  readonly kind: 'model'
  readonly name: string
  readonly architecture: string
  /** What config.json says, in this library's words. */
  readonly config: ModelConfig
  /** Weights; and their number with two 4-bit ones counted as one: as stored, or as QLoRA would store them. */
  readonly parameters: { readonly all: number; readonly packed: number }
  /** With an adapter on the 4-bit model. */
  readonly adapter: ParameterCounts & AdapterSummary
  readonly files: TensorTotals & {
    /** By safetensors' names of dtypes, and ggml's of blocks. */
    readonly dtypes: Readonly<Record<string, TensorTotals>>
    /** Projections have what bitsandbytes keeps beside them. */
    readonly kinds: Readonly<Record<WeightSpec['role'], TensorTotals & { readonly parameters: number }>>
  }
  /** How projections are stored, `null` for plain numbers. */
  readonly quantization: {
    readonly type: StorageType
    /** `null` where the weights of a row share a scale. */
    readonly blockSize: number | null
    readonly doubleQuant: boolean
    readonly layers: number
  } | null
  readonly tokenizer: { readonly vocabSize: number; readonly eosTokenId: number | null } | null
  /** Device memory: as the files are, and to train the adapter on a 4-bit base. */
  readonly memory: { readonly load: MemoryPlan; readonly train: MemoryPlan }
}

/** What an adapter's folder holds. */
export interface AdapterReport extends AdapterSummary {
  readonly kind: 'adapter'
  readonly name: string
  /** Fields of its config that this library does not know. */
  readonly ignored: readonly string[]
  readonly parameters: number
  readonly files: TensorTotals & { readonly dtypes: Readonly<Record<string, TensorTotals>> }
}

/**
 * What a model or an adapter is, from its configs and the headers of its files; of the weights only the beginning of a
 * head is read that may or may not be tied.
 * @throws MedAwareError as `loadModel` for what is none; `config` and `not-found` for an adapter that does not fit.
 */
export async function inspectModel(source: Source, given: InspectOptions = {}): Promise<ModelReport | AdapterReport> {
  const options = readOptions('inspectModel', given, rules, {
    max_length: 'length',
    peft_config: 'adapter',
    lora: 'adapter',
  })
  const folder = await openFolder(source, folderOptions(options))
  return (await folder.has('adapter_config.json')) ? inspectAdapter(folder) : inspectBase(folder, options)
}

const rules: OptionRules<InspectOptions> = {
  ...hubFolderRules,
  // Read by who attaches the adapter.
  adapter: withMethods<PlannedAdapter>("an adapter's config such as { r: 16 }", []),
  batchSize: whole({ from: 1, to: 2 ** 31 }),
  length: whole({ from: 1, to: 2 ** 31 }),
}

async function inspectAdapter(folder: Folder): Promise<AdapterReport> {
  const { method, config, unknown, unknownNested } = parseAdapterConfig(await readJson(folder, 'adapter_config.json'))
  const reader = await openTensors(folder, 'adapter_model.safetensors')
  try {
    const parameters = reader.names.reduce((sum, name) => sum + countOf(reader.info(name).shape), 0)
    return {
      kind: 'adapter',
      name: folder.name,
      ...summaryOf(method, config),
      ignored: [...unknown.keys(), ...unknownNested.keys()],
      parameters,
      files: filesOf(reader),
    }
  } finally {
    await reader.close()
  }
}

async function inspectBase(folder: Folder, options: InspectOptions): Promise<ModelReport> {
  const json = await readModelConfig(folder)
  const parsed = parseModelConfig(json)
  const opened = await openCheckpoint(folder)
  try {
    const head = { source: folder.name, most: comparedOfHead }
    const { config, checkpoint: reader } = await settledHead(opened, parsed, head)
    const specs = fittingWeights(reader, config, folder.name)
    const quantization = await checkpointQuantization(reader, specs)
    const tokenizer = await loadTokenizer(folder)
    const packedCount = (spec: WeightSpec) => {
      const { name, role, shape } = spec
      const kept = keptWeight(reader, spec, {})
      if (kept !== null) return kept.onDevice?.packedCount ?? reader.info(name).end - reader.info(name).begin
      return quantization === null && role === 'projection' ? Math.ceil(countOf(shape) / 2) : countOf(shape)
    }
    const { all, allPacked } = countWeights(
      specs.map((spec) => ({ count: countOf(spec.shape), packedCount: packedCount(spec), isTrainable: false })),
    )
    return {
      ...{ kind: 'model', name: folder.name, architecture: architectureOf(json), config, quantization },
      parameters: { all, packed: allPacked },
      adapter: countAdapter(config, options.adapter),
      files: { ...filesOf(reader), kinds: kindsOf(reader, specs) },
      tokenizer: tokenizer && { vocabSize: tokenizer.vocabSize, eosTokenId: tokenizer.eosTokenId },
      memory: plansOf(config, quantization, await keptRecipes(reader, specs), options),
    }
  } finally {
    await opened.close()
  }
}

/** Numbers of a head beside a tied one's that tell whether it is another. */
const comparedOfHead = 65536

function architectureOf(json: Readonly<Record<string, unknown>>): string {
  const named = json['architectures']
  return Array.isArray(named) && typeof named[0] === 'string' ? named[0] : String(json['model_type'])
}

/** LoRA as it is usual, but for what is given; another method as it is given. */
function usual(planned: PlannedAdapter = {}): PlannedAdapter {
  return (planned.peftType ?? 'LORA') === 'LORA' ? { r: 16, loraAlpha: 32, ...planned } : planned
}

/** Goes through the motions of attaching the adapter, on a device that holds nothing. */
function countAdapter(config: ModelConfig, planned?: PlannedAdapter): ModelReport['adapter'] {
  const device = new DryDevice('cpu')
  const weights = dryWeights(device, modelWeights(config), { quantize: { type: 'nf4' } })
  const model = createModel(config, weights)
  const adapter = attachUnstarted(model, usual(planned), 'inspectModel')
  return { ...countParameters(model), ...summaryOf(adapter.method, adapter.config) }
}

function summaryOf(method: AdapterMethod, config: AdapterConfig): AdapterSummary {
  return { config, method: method.name, settings: method.describe(config) }
}

function plansOf(
  config: ModelConfig,
  quantization: ModelReport['quantization'],
  kept: KeptRecipes,
  { adapter, batchSize = 1, length = Math.min(512, config.maxPositionEmbeddings) }: InspectOptions,
): ModelReport['memory'] {
  const stored = quantization && optionsOf(quantization)
  const step = { adapter: usual(adapter), batchSize, length }
  if (kept.size > 0) return { load: planKept(config, {}, kept), train: planKept(config, step, kept) }
  return {
    load: planMemory(config, { quantize: stored ?? false }),
    train: planMemory(config, { ...step, quantize: stored ?? { type: 'nf4' } }),
  }
}

/** How weights stay stored that a GGUF file has in blocks, each in a type of its own. */
async function keptRecipes(reader: Checkpoint, specs: readonly WeightSpec[]): Promise<KeptRecipes> {
  const found = specs.flatMap((spec) => {
    const kept = keptWeight(reader, spec, {})
    return kept?.readsAsNumbers === true ? [{ name: spec.name, kept }] : []
  })
  return new Map(await Promise.all(found.map(async ({ name, kept }) => [name, await kept.recipe()] as const)))
}

/**
 * By the first format of which a checkpoint has any. A GGUF file has a type for each tensor: it is told where all
 * projections are of the same.
 */
async function checkpointQuantization(
  reader: Checkpoint,
  specs: readonly WeightSpec[],
): Promise<ModelReport['quantization']> {
  const projections = specs.filter(({ role }) => role === 'projection')
  for (const format of storageFormats()) {
    const stored = projections.flatMap((spec) => (keptWeight(reader, spec, {}) && format.find(reader, spec.name)) ?? [])
    const [first] = stored
    if (first === undefined) continue
    const recipe = await first.recipe()
    const types = first.readsAsNumbers === true ? await Promise.all(stored.map((each) => each.recipe())) : []
    const isMixed =
      types.length > 0 && (types.length < projections.length || types.some(({ type }) => type !== recipe.type))
    if (!isMixed) return { ...recipe, layers: stored.length }
  }
  return null
}

function filesOf(reader: TensorReader): TensorTotals & { dtypes: Record<string, TensorTotals> } {
  const dtypes: Record<string, TensorTotals> = {}
  for (const name of reader.names) {
    const { dtype, storedAs = dtype, begin, end } = reader.info(name)
    dtypes[storedAs] = added(dtypes[storedAs], end - begin)
  }
  return { ...Object.values(dtypes).reduce((sum, { tensors, bytes }) => added(sum, bytes, tensors), none), dtypes }
}

const none: TensorTotals = { tensors: 0, bytes: 0 }

function added({ tensors, bytes }: TensorTotals = none, more: number, count = 1): TensorTotals {
  return { tensors: tensors + count, bytes: bytes + more }
}

function kindsOf(reader: TensorReader, specs: readonly WeightSpec[]): ModelReport['files']['kinds'] {
  const kinds = {
    projection: { ...none, parameters: 0 },
    embedding: { ...none, parameters: 0 },
    vector: { ...none, parameters: 0 },
  }
  const roles = new Map(specs.map(({ name, role }) => [name, role]))
  for (const { role, shape } of specs) kinds[role].parameters += countOf(shape)
  for (const name of reader.names) {
    const { begin, end } = reader.info(name)
    // What stands beside a quantised weight is a part of it; a tied head that is written twice is an embedding.
    const role = roles.get(name) ?? (name === 'lm_head.weight' ? 'embedding' : 'projection')
    kinds[role] = { ...kinds[role], ...added(kinds[role], end - begin) }
  }
  return kinds
}
