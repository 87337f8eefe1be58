import { check } from '../core/errors.ts'

/** How LoRA adapts a model, in PEFT's words (peft/tuners/lora/config.py). */
export interface LoraConfig {
  /** Rank of the update. Default 8. */
  readonly r: number
  /** The update is scaled by loraAlpha / r. Default 8. */
  readonly loraAlpha: number
  /** Probability of dropping an input of the update while training. Default 0. */
  readonly loraDropout: number
  /**
   * Which projections to adapt: names that a module's path equals or ends with, one regular expression that a whole path
   * matches, or 'all-linear'. Default: PEFT's choice for the model's architecture, ['query_key_value'] of a Falcon.
   */
  readonly targetModules: readonly string[] | string
  /** What not to adapt after all, by the same rules. Default null. */
  readonly excludeModules: readonly string[] | string | null
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'lora_only'
  /** Scale by loraAlpha / √r instead (arXiv 2312.03732). Default false. */
  readonly useRslora: boolean
  /** true: A ~ U(±1/√in), B = 0; 'gaussian': A ~ N(0, 1/r²), B = 0; false: neither is 0. Default true. */
  readonly initLoraWeights: boolean | 'gaussian'
  /** Indices of the only layers to adapt; needs a list of names in targetModules. Default null. */
  readonly layersToTransform: readonly number[] | number | null
  /** The name before a layer's index in a path, where the first number is not it. Default null. */
  readonly layersPattern: readonly string[] | string | null
  /** Ranks of their own for the paths that a regular expression matches from a dot to the end; the first match wins. */
  readonly rankPattern: Readonly<Record<string, number>>
  /** The same for loraAlpha. */
  readonly alphaPattern: Readonly<Record<string, number>>
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
  /** Default 'CAUSAL_LM'; PEFT leaves null where it was not told. */
  readonly taskType: 'CAUSAL_LM' | null
  /** What the adapter belongs to: a repository's name or a path. Default null. */
  readonly baseModelNameOrPath: string | null
  /** The base model's revision. Default null. */
  readonly revision: string | null
}

/** What a field starts as, what it may be, and how an error says so. */
interface Field<T> {
  readonly initial: T
  readonly rule: string
  readonly accepts: (value: unknown) => boolean
}

const fields: { readonly [K in keyof LoraConfig]: Field<LoraConfig[K]> } = {
  r: { initial: 8, rule: 'a positive integer', accepts: isRank },
  loraAlpha: { initial: 8, rule: 'a finite number', accepts: Number.isFinite },
  loraDropout: { initial: 0, rule: 'in [0, 1)', accepts: (p) => typeof p === 'number' && p >= 0 && p < 1 },
  targetModules: {
    initial: ['query_key_value'],
    rule: 'names, a regular expression or "all-linear"',
    accepts: isNames,
  },
  excludeModules: { initial: null, rule: 'names or a regular expression', accepts: orNull(isNames) },
  bias: { initial: 'none', rule: '"none", "all" or "lora_only"', accepts: oneOf('none', 'all', 'lora_only') },
  useRslora: { initial: false, rule: 'true or false', accepts: oneOf(true, false) },
  initLoraWeights: { initial: true, rule: 'true, false or "gaussian"', accepts: oneOf(true, false, 'gaussian') },
  layersToTransform: { initial: null, rule: 'a layer index or a list of them', accepts: orNull(isLayers) },
  layersPattern: { initial: null, rule: 'a name or a list of them', accepts: orNull(isNamesOrNone) },
  rankPattern: { initial: {}, rule: 'positive integers by pattern', accepts: recordOf(isRank) },
  alphaPattern: { initial: {}, rule: 'finite numbers by pattern', accepts: recordOf(Number.isFinite) },
  fanInFanOut: { initial: false, rule: 'false', accepts: oneOf(false) },
  taskType: { initial: 'CAUSAL_LM', rule: '"CAUSAL_LM"', accepts: oneOf('CAUSAL_LM', null) },
  baseModelNameOrPath: { initial: null, rule: 'a string', accepts: orNull(isString) },
  revision: { initial: null, rule: 'a string', accepts: orNull(isString) },
}

/** Well-formed values of PEFT that mean something this library does not do. */
const beyond: Readonly<Record<string, (value: unknown) => boolean>> = {
  initLoraWeights: isString,
  fanInFanOut: oneOf(true),
  taskType: isString,
}

/** PEFT's other fields, at the values that turn each of them off. */
export const unsupportedFields: Readonly<Record<string, unknown>> = {
  aloraInvocationTokens: null,
  arrowConfig: null,
  autoMapping: null,
  cordaConfig: null,
  ensureWeightTying: false,
  evaConfig: null,
  kasaConfig: null,
  layerReplication: null,
  loftqConfig: {},
  loraBias: false,
  loraGaConfig: null,
  megatronConfig: null,
  megatronCore: 'megatron.core',
  modulesToSave: null,
  montecloraConfig: null,
  qaloraGroupSize: 16,
  targetParameters: null,
  trainableTokenIndices: null,
  useBdlora: null,
  useDora: false,
  useQalora: false,
  veloraConfig: null,
}

/** Whether LoraConfig has a field of that name. */
export function isLoraField(name: string): name is keyof LoraConfig {
  return Object.hasOwn(fields, name)
}

/**
 * Fills in PEFT's defaults.
 * @throws MedAwareError `config` for a senseless value or an unknown field, `unsupported` for a feature of PEFT that this
 * library lacks; both name the field.
 */
export function loraConfig(given: Partial<LoraConfig> = {}): LoraConfig {
  return fillLoraConfig('loraConfig', given)
}

/** As `loraConfig`, in the name of `who` and with fields called as `nameOf` says. */
export function fillLoraConfig(
  who: string,
  given: Readonly<Record<string, unknown>>,
  nameOf: (field: string) => string = (field) => field,
): LoraConfig {
  for (const [field, value] of Object.entries(given)) {
    if (isLoraField(field)) {
      const { accepts, rule } = fields[field]
      const isBeyond = !accepts(value) && beyond[field]?.(value) === true
      check(
        !isBeyond,
        'unsupported',
        () => `${who}: ${nameOf(field)} ${show(value)} is not supported; it must be ${rule}`,
      )
      check(accepts(value), 'config', () => `${who}: ${nameOf(field)} must be ${rule}, got ${show(value)}`)
    } else {
      check(Object.hasOwn(unsupportedFields, field), 'config', () => {
        return `${who}: no field "${field}"; there are ${Object.keys(fields).map(nameOf).join(', ')}`
      })
      const isOff = isEmpty(value) || value === unsupportedFields[field]
      check(isOff, 'unsupported', () => `${who}: ${nameOf(field)} is not supported, got ${show(value)}; leave it out`)
    }
  }
  const initial = Object.fromEntries(Object.entries(fields).map(([field, entry]) => [field, entry.initial]))
  // Each field was checked against its own type above, which Object.fromEntries cannot express.
  const config = { ...initial, ...given } as unknown as LoraConfig
  for (const field of ['layersToTransform', 'layersPattern'] as const) {
    const isLegal = typeof config.targetModules !== 'string' || isEmpty(config[field])
    check(
      isLegal,
      'config',
      () => `${who}: ${nameOf(field)} needs a list in ${nameOf('targetModules')}, got ${show(config.targetModules)}`,
    )
  }
  check(isEmpty(config.layersPattern) || config.layersToTransform !== null, 'config', () => {
    return `${who}: ${nameOf('layersPattern')} needs ${nameOf('layersToTransform')} as well`
  })
  return Object.fromEntries(
    Object.keys(fields).map((field) => [field, config[field as keyof LoraConfig]]),
  ) as unknown as LoraConfig
}

/** Whether a value says nothing: null, false, '', [] or {}. */
export function isEmpty(value: unknown): boolean {
  return !value || (typeof value === 'object' && Object.keys(value).length === 0)
}

function isRank(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) > 0
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function isNames(value: unknown): boolean {
  return !isEmpty(value) && isNamesOrNone(value)
}

function isNamesOrNone(value: unknown): boolean {
  return isString(value) || (Array.isArray(value) && value.every((name) => typeof name === 'string' && name !== ''))
}

function isLayers(value: unknown): boolean {
  return (Array.isArray(value) ? value : [value]).every((layer) => Number.isSafeInteger(layer) && layer >= 0)
}

function orNull(accepts: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === null || accepts(value)
}

function oneOf(...values: readonly unknown[]): (value: unknown) => boolean {
  return (value) => values.includes(value)
}

function recordOf(accepts: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => typeof value === 'object' && value !== null && Object.values(value).every(accepts)
}

function show(value: unknown): string {
  return typeof value === 'number' || value === undefined ? String(value) : JSON.stringify(value)
}
