import { check, MedAwareError } from '../core/errors.ts'
import { readArgument, withMethods } from '../core/options.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import type { Weight } from '../nn/module.ts'
import type { ModelConfig, PretrainedLm, WeightSpec } from './causal-lm.ts'
import { type ConfigJson, configJsonRule, configRule } from './config-fields.ts'
import { type FalconConfig, falconModelTypes, formatFalconConfig, parseFalconConfig } from './falcon-config.ts'
import { FalconForCausalLM, falconIgnored, falconTied, falconWeights } from './falcon.ts'
import { formatLlamaConfig, type LlamaConfig, llamaModelTypes, parseLlamaConfig } from './llama-config.ts'
import { LlamaForCausalLM, llamaIgnored, llamaTied, llamaWeights } from './llama.ts'
import type { TiedTensors } from './weight-specs.ts'

/** How a decoder is read from a checkpoint, made and written. */
interface Architecture<C extends ModelConfig> {
  /** What config.json may call it. */
  readonly modelTypes: readonly string[]
  parse(json: ConfigJson): C
  format(config: C): ConfigJson
  weights(config: C): readonly WeightSpec[]
  readonly tied: TiedTensors
  /** Ends of the names of tensors that a checkpoint may have and the model has no use for. */
  readonly ignored: readonly string[]
  create(config: C, weights: ReadonlyMap<string, Weight>): PretrainedLm
}

type Architectures = { readonly [T in ModelConfig['modelType']]: Architecture<Extract<ModelConfig, { modelType: T }>> }

/** Every architecture there is, by its `modelType`. */
const architectures: Architectures = {
  falcon: {
    modelTypes: falconModelTypes,
    parse: parseFalconConfig,
    format: formatFalconConfig,
    weights: falconWeights,
    tied: falconTied,
    ignored: falconIgnored,
    create: (config: FalconConfig, weights) => new FalconForCausalLM(config, weights),
  },
  llama: {
    modelTypes: llamaModelTypes,
    parse: parseLlamaConfig,
    format: formatLlamaConfig,
    weights: llamaWeights,
    tied: llamaTied,
    ignored: llamaIgnored,
    create: (config: LlamaConfig, weights) => new LlamaForCausalLM(config, weights),
  },
}

/**
 * Reads a config.json by the architecture that its `model_type` names.
 * @throws MedAwareError `unsupported` for an architecture that is not known, or a feature of one; `config` for a missing or
 * senseless value. Each names the key.
 */
export function parseModelConfig(json: ConfigJson): ModelConfig {
  readArgument('parseModelConfig', 'json', json, configJsonRule)
  const type = json['model_type']
  const known = Object.values(architectures).find(({ modelTypes }) => modelTypes.some((name) => name === type))
  if (known !== undefined) return known.parse(json)
  const names = Object.values(architectures).flatMap(({ modelTypes }) => modelTypes)
  throw new MedAwareError(
    typeof type === 'string' ? 'unsupported' : 'config',
    `parseModelConfig: config.json has model_type ${type === undefined ? 'nothing' : show(type)}; known are ${names.join(', ')}`,
  )
}

/** The config.json that transformers reads back as the same model. */
export function formatModelConfig(config: ModelConfig): ConfigJson {
  return architectureOf('formatModelConfig', config).format(config)
}

/** Every parameter of a model by its checkpoint key, in the order of the file. */
export function modelWeights(config: ModelConfig): readonly WeightSpec[] {
  return architectureOf('modelWeights', config).weights(config)
}

/** Keys of the head and the embeddings, which are one table where `tieWordEmbeddings` says so. */
export function tiedTensors(config: ModelConfig): TiedTensors {
  return architectureOf('tiedTensors', config).tied
}

/** How names of tensors end that a checkpoint may have and the model has no use for: buffers that were saved once. */
export function ignoredTensors(config: ModelConfig): readonly string[] {
  return architectureOf('ignoredTensors', config).ignored
}

/**
 * A model of given weights, which it owns from then on.
 * @throws MedAwareError `not-found` when one of `modelWeights` is missing, `shape` where one has another shape.
 */
export function createModel(config: ModelConfig, weights: ReadonlyMap<string, Weight>): PretrainedLm {
  const who = 'createModel'
  const architecture = architectureOf(who, config)
  readArgument(who, 'weights', weights, aMap)
  for (const { name, shape } of architecture.weights(config)) {
    const weight = weights.get(name)
    check(weight === undefined || sameShape(weight.shape, shape), 'shape', () => {
      return `${who}: ${name} is ${showShape(weight?.shape ?? [])}, the config says ${showShape(shape)}`
    })
  }
  return architecture.create(config, weights)
}

/** A config's own row, which TypeScript cannot tell from the others by a key that is a union. */
function architectureOf<C extends ModelConfig>(who: string, config: C): Architecture<C> {
  const { modelType } = readArgument(who, 'config', config, aConfig)
  return architectures[modelType] as unknown as Architecture<C>
}

const aConfig = configRule<ModelConfig>(Object.keys(architectures))
const aMap = withMethods<ReadonlyMap<string, Weight>>('a Map of weights by their names', ['get', 'values'])
