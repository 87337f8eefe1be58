import { check, MedAwareError } from '../core/errors.ts'
import { readArgument, readOptions, withMethods } from '../core/options.ts'
import { show } from '../core/show.ts'
import type { Module, Weight } from '../nn/module.ts'
import { type Architecture, architectureRules } from './architecture.ts'
import type { ModelConfig, PretrainedLm, WeightSpec } from './causal-lm.ts'
import { type ConfigJson, configJsonRule, configRule } from './config-fields.ts'
import { falcon } from './falcon/falcon.ts'
import { gemma3 } from './gemma/gemma3.ts'
import { llama } from './llama/llama.ts'
import { mistral } from './llama/mistral.ts'
import { qwen2 } from './llama/qwen2.ts'
import { qwen3 } from './llama/qwen3.ts'
import { smolLm3 } from './llama/smollm3.ts'
import { recordWeights } from './recorded-weights.ts'

/** Every architecture there is, by its `modelType`: those of this package, and what `registerArchitecture` adds. */
const table = new Map<string, Architecture>(
  [falcon, gemma3, llama, mistral, qwen2, qwen3, smolLm3].map((row) => [row.modelType, row]),
)

/**
 * Adds an architecture of your own, which is then loaded, planned, saved and adapted like those of this package.
 * @throws MedAwareError `config` for a row that lacks something, or a name that another has.
 */
export function registerArchitecture<C extends ModelConfig>(row: Architecture<C>): void {
  const who = 'registerArchitecture'
  const given: Partial<Architecture> = readOptions<Partial<Architecture>>(who, row, architectureRules)
  for (const name of ['modelType', 'parse', 'format', 'create'] as const) {
    check(given[name] !== undefined, 'config', () => `${who}: the architecture has no ${name}`)
  }
  const taken = namesOf(row).find((name) => [...table.values()].some((other) => namesOf(other).includes(name)))
  check(taken === undefined, 'config', () => `${who}: there is an architecture for model_type ${show(taken)} already`)
  table.set(row.modelType, row)
}

/**
 * Reads a config.json by the architecture that its `model_type` names.
 * @throws MedAwareError `unsupported` for an architecture that is not known, or a feature of one; `config` for a
 * missing or senseless value. Each names the key.
 */
export function parseModelConfig(json: ConfigJson): ModelConfig {
  readArgument('parseModelConfig', 'json', json, configJsonRule)
  const type = json['model_type']
  const rows = [...table.values()]
  const known = rows.find((row) => namesOf(row).some((name) => name === type))
  if (known !== undefined) return known.parse(json)
  const names = rows.flatMap(namesOf)
  throw new MedAwareError(
    typeof type === 'string' ? 'unsupported' : 'config',
    `parseModelConfig: config.json has model_type ${type === undefined ? 'nothing' : show(type)}; known are ${names.join(', ')}`,
  )
}

/** The config.json that transformers reads back as the same model. */
export function formatModelConfig(config: ModelConfig): ConfigJson {
  return architectureOf('formatModelConfig', config).format(config)
}

/** Every parameter of a model by its checkpoint key, in the order in which its constructor asks for them. */
export function modelWeights(config: ModelConfig): readonly WeightSpec[] {
  return recorded('modelWeights', config).specs
}

/** Keys of two tables that may be one. */
export interface TiedTensors {
  readonly head: string
  readonly embeddings: string
}

/** Keys of the head and the embeddings, which are one table where `tieWordEmbeddings` says so. */
export function tiedTensors(config: ModelConfig): TiedTensors {
  // A model that has both has the same names at any depth.
  const { model } = recorded('tiedTensors', { ...config, tieWordEmbeddings: false, numHiddenLayers: 1 })
  return { head: keyOf(model, model.getOutputEmbeddings()), embeddings: keyOf(model, model.getInputEmbeddings()) }
}

/** How names of tensors end that a checkpoint may have and the model has no use for: buffers that were saved once. */
export function ignoredTensors(config: ModelConfig): readonly string[] {
  return architectureOf('ignoredTensors', config).ignores ?? []
}

/**
 * A model of given weights, which it owns from then on.
 * @throws MedAwareError `not-found` when one of `modelWeights` is missing, `shape` where one has another shape.
 */
export function createModel(config: ModelConfig, weights: ReadonlyMap<string, Weight>): PretrainedLm {
  const architecture = architectureOf('createModel', config)
  return architecture.create(config, readArgument('createModel', 'weights', weights, aMap))
}

function recorded(who: string, config: ModelConfig) {
  const architecture = architectureOf(who, config)
  return recordWeights((weights) => architecture.create(config, weights))
}

/** A config's own row. */
function architectureOf(who: string, config: ModelConfig): Architecture {
  const { modelType } = readArgument(who, 'config', config, aConfig)
  const row = table.get(modelType)
  if (row !== undefined) return row
  const known = [...table.keys()].join(', ')
  throw new MedAwareError('config', `${who}: config has modelType ${show(modelType)}; known are ${known}`)
}

function namesOf({ modelType, aliases = [] }: Architecture): readonly string[] {
  return [modelType, ...aliases]
}

function keyOf(model: Module, table: Module): string {
  for (const [path, module] of model.namedModules()) if (module === table) return `${path}.weight`
  throw new MedAwareError('config', 'tiedTensors: the model gives a table of embeddings that is none of its modules')
}

const aConfig = configRule<ModelConfig>()
const aMap = withMethods<ReadonlyMap<string, Weight>>('a Map of weights by their names', ['get', 'values'])
