import { check } from '../core/errors.ts'
import { isJsonObject, parseJson } from '../core/json.ts'
import { pythonFloat } from '../core/python-float.ts'
import { nearestName } from '../core/nearest.ts'
import { readArgument, type Rule } from '../core/options.ts'
import { show } from '../core/show.ts'
import { checkedLayers, loraDefaults, savedRules, type LoraConfig } from './lora-config.ts'
import { checkOff, isEmpty, lacking, withoutEffect } from './lora-features.ts'

/** The version of PEFT whose files `formatAdapterConfig` writes. */
export const peftVersion = '0.21.0'

const who = 'adapter_config.json'

/** What an adapter_config.json says. */
export interface ParsedAdapterConfig {
  readonly config: LoraConfig
  /** Fields with a value that this library does not know; an adapter may mean something by them. */
  readonly unknown: ReadonlyMap<string, unknown>
}

const knownKeys = [...Object.keys(savedRules), ...Object.keys(lacking)].map(snakeCase)

/** Fields beside PEFT's present ones that say nothing about how an adapter computes. */
const remarks: ReadonlySet<string> = new Set([
  ...['peft_type', 'peft_version', 'inference_mode', 'runtime_config', 'merge_weights'],
  ...Object.keys(withoutEffect).map(snakeCase),
])

/** Fields that old files have as null, and PEFT reads as their default. */
const maybeNull: ReadonlySet<string> = new Set([
  'targetModules',
  'rankPattern',
  'alphaPattern',
  'useRslora',
  'fanInFanOut',
])

/**
 * Reads an adapter_config.json, given as text or as parsed JSON, as PEFT does, but refuses what would compute otherwise here:
 * features that this library lacks, and starts that changed the base's weights.
 * @param defaultTargets What is adapted where the file leaves it to the model.
 * @throws MedAwareError `format` for what is no JSON object, `unsupported` for another method than LoRA or a feature this
 * library lacks, with what to do about it, `config` for a senseless value; all name the field.
 */
export function parseAdapterConfig(
  json: unknown,
  defaultTargets: readonly string[] = ['query_key_value'],
): ParsedAdapterConfig {
  const content = typeof json === 'string' ? parseJson(who, json) : json
  check(isJsonObject(content), 'format', () => `${who}: must be a JSON object`)
  const type = content['peft_type']
  check(type === 'LORA', 'unsupported', () => {
    return `${who}: peft_type ${type === undefined ? 'is missing' : show(type)}; only "LORA" is supported`
  })
  const read: LoraConfig = { ...loraDefaults, targetModules: defaultTargets, taskType: null }
  const unknown = new Map<string, unknown>()
  for (const [key, value] of Object.entries(content)) {
    const field = fieldOf(key)
    if (remarks.has(key)) continue
    if (field !== null) checkOff(who, field, value, key)
    else if (!isEmpty(value)) unknown.set(key, value)
    if (field === null || !isLoraField(field) || (value === null && maybeNull.has(field))) continue
    // PEFT starts nothing where it is told null, as where it is told false.
    const given = field === 'initLoraWeights' ? (value ?? false) : value
    Object.assign(read, { [field]: readField(key, given, savedRules[field]) })
  }
  return { config: checkedLayers(read, who, snakeCase), unknown }
}

/**
 * Sees that no field is unknown but those a caller knows of: PEFT warns of such fields and drops them, which may change what the
 * adapter computes.
 * @throws MedAwareError `unsupported`.
 */
export function checkKnown({ unknown }: ParsedAdapterConfig, ignoreFields: readonly string[]): void {
  for (const [key, value] of unknown) {
    const near = nearestName(key, knownKeys)
    check(ignoreFields.includes(key), 'unsupported', () => {
      const meant = near === null ? '' : ` (did you mean ${near}?)`
      const remedy = `if it does not, pass ignoreFields: [${show(key)}]`
      return `${who}: the field ${show(key)} is not known${meant}, and ${show(value)} may change what the adapter computes; ${remedy}`
    })
  }
}

function readField(key: string, value: unknown, rule: Rule<unknown>): unknown {
  return readArgument(who, key, value, rule)
}

/** The adapter_config.json that PEFT 0.21.0 would save, byte for byte: 41 sorted fields, no newline at the end. */
export function formatAdapterConfig(config: LoraConfig): string {
  const fields: [string, string][] = Object.entries({ ...unused, ...config }).map(([field, value]) => {
    return [snakeCase(field), pythonJson(value, '  ', floats.has(field))]
  })
  fields.push(['peft_type', '"LORA"'], ['peft_version', `"${peftVersion}"`], ['inference_mode', 'true'])
  return `{\n${fields
    .sort(([a], [b]) => compare(a, b))
    .map(([key, value]) => `  "${key}": ${value}`)
    .join(',\n')}\n}`
}

/** What PEFT writes of fields that this library has no use for. */
const unused: Readonly<Record<string, unknown>> = {
  ...Object.fromEntries(Object.keys(lacking).map((field) => [field, null])),
  ...withoutEffect,
  loraBias: false,
  useDora: false,
  useQalora: false,
}

/** Numbers that are floats to Python also where they are whole: the dropout and two of EVA's. */
const floats: ReadonlySet<string> = new Set(['loraDropout', 'rho', 'tau'])

/** json.dumps(value, indent=2, sort_keys=True) at an indentation. */
function pythonJson(value: unknown, indent: string, isFloat = false): string {
  if (typeof value === 'number') return Number.isInteger(value) && !isFloat ? String(value) : pythonFloat(value)
  if (typeof value === 'string') return pythonString(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const deeper = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => pythonJson(item, deeper))
    : Object.entries(value)
        .sort(([a], [b]) => compare(a, b))
        .map(([key, item]) => `${pythonString(key)}: ${pythonJson(item, deeper, floats.has(key))}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return items.length === 0 ? `${open}${close}` : `${open}\n${deeper}${items.join(`,\n${deeper}`)}\n${indent}${close}`
}

/** A JSON string in ASCII, as Python writes it. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function isLoraField(field: string): field is keyof LoraConfig {
  return Object.hasOwn(savedRules, field)
}

/** Our name of a file's field, `null` where it is none of PEFT's. */
function fieldOf(key: string): string | null {
  const field = camelCase(key)
  const isKnown = snakeCase(field) === key && (isLoraField(field) || Object.hasOwn(lacking, field))
  return isKnown ? field : null
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

function snakeCase(field: string): string {
  return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
