import { check, MedAwareError } from '../core/errors.ts'
import { fillLoraConfig, isEmpty, isLoraField, unsupportedFields, type LoraConfig } from './lora-config.ts'

/** The version of PEFT whose files `formatAdapterConfig` writes. */
export const peftVersion = '0.21.0'

/** What an adapter_config.json says. */
export interface ParsedAdapterConfig {
  readonly config: LoraConfig
  /** Fields with a value that this library does not know; an adapter may mean something by them. */
  readonly ignored: readonly string[]
}

/** Fields that say nothing about how an adapter computes. */
const remarks: readonly string[] = [
  'peft_type',
  'peft_version',
  'inference_mode',
  'auto_mapping',
  'megatron_core',
  'qalora_group_size',
]

/**
 * Reads an adapter_config.json, given as text or as parsed JSON.
 * @throws MedAwareError `format` for what is no JSON object, `unsupported` for another method than LoRA or a feature this
 * library lacks, `config` for a senseless value; both name the field.
 */
export function parseAdapterConfig(json: unknown): ParsedAdapterConfig {
  const who = 'adapter_config.json'
  const content = typeof json === 'string' ? parseJson(who, json) : json
  check(isObject(content), 'format', () => `${who}: must be a JSON object`)
  const type = content['peft_type']
  check(type === 'LORA', 'unsupported', () => {
    return `${who}: peft_type ${type === undefined ? 'is missing' : JSON.stringify(type)}; only "LORA" is supported`
  })
  const known: Record<string, unknown> = { taskType: null }
  const ignored: string[] = []
  for (const [key, value] of Object.entries(content)) {
    const field = camelCase(key)
    if (remarks.includes(key)) continue
    if (snakeCase(field) !== key) ignored.push(key)
    else if (isLoraField(field)) known[field] = value ?? null
    else if (Object.hasOwn(unsupportedFields, field)) known[field] = value
    else if (!isEmpty(value)) ignored.push(key)
  }
  // PEFT leaves these two out of old files as null; they mean no pattern.
  for (const field of ['rankPattern', 'alphaPattern']) known[field] ??= {}
  return { config: fillLoraConfig(who, known, snakeCase), ignored }
}

/** The adapter_config.json that PEFT 0.21.0 would save, byte for byte: 41 sorted fields, no newline at the end. */
export function formatAdapterConfig(config: LoraConfig): string {
  const fields: [string, string][] = Object.entries({ ...unsupportedFields, ...config }).map(([field, value]) => {
    const isFloat = field === 'loraDropout'
    return [snakeCase(field), isFloat ? pythonFloat(value as number) : pythonJson(value, '  ')]
  })
  fields.push(['peft_type', '"LORA"'], ['peft_version', `"${peftVersion}"`], ['inference_mode', 'true'])
  return `{\n${fields
    .sort(([a], [b]) => compare(a, b))
    .map(([key, value]) => `  "${key}": ${value}`)
    .join(',\n')}\n}`
}

/** json.dumps(value, indent=2, sort_keys=True) at an indentation. */
function pythonJson(value: unknown, indent: string): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : pythonFloat(value)
  if (typeof value === 'string') return pythonString(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const deeper = `${indent}  `
  const items = Array.isArray(value)
    ? value.map((item) => pythonJson(item, deeper))
    : Object.entries(value)
        .sort(([a], [b]) => compare(a, b))
        .map(([key, item]) => `${pythonString(key)}: ${pythonJson(item, deeper)}`)
  const [open, close] = Array.isArray(value) ? '[]' : '{}'
  return items.length === 0 ? `${open}${close}` : `${open}\n${deeper}${items.join(`,\n${deeper}`)}\n${indent}${close}`
}

/** Python's repr of a float: always with a point or an exponent of two digits. */
function pythonFloat(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential().replace(/e-(\d)$/, 'e-0$1')
  return Number.isInteger(value) ? `${value}.0` : String(value)
}

/** A JSON string in ASCII, as Python writes it. */
function pythonString(text: string): string {
  return JSON.stringify(text).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function parseJson(who: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new MedAwareError('format', `${who}: is not JSON`, { cause })
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
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
