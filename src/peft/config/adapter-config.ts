import { check } from '../../core/errors.ts'
import { isJsonObject, parseJson } from '../../core/json.ts'
import { nearestName } from '../../core/nearest.ts'
import { show } from '../../core/show.ts'
import type { Adaptable } from '../adaptable.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import { type AdapterConfig, configFile, type ParsedFields } from './config-fields.ts'
import { isEmpty } from './features.ts'
import { methodOf } from '../methods.ts'

/** What an adapter_config.json says. */
export interface ParsedAdapterConfig extends ParsedFields<AdapterConfig> {
  readonly method: AdapterMethod
}

/**
 * Reads an adapter_config.json, given as text or as parsed JSON, as PEFT does, but refuses what would compute otherwise
 * here: features that this library lacks, and starts that changed the base's weights.
 * @param model Says what is adapted where the file leaves it to the model.
 * @throws MedAwareError `format` for what is no JSON object, `unsupported` for a method or a feature this library
 * lacks, with what to do about it, `config` for a senseless value; all name the field.
 */
export function parseAdapterConfig(json: unknown, model: Adaptable | null = null): ParsedAdapterConfig {
  const content = typeof json === 'string' ? parseJson(configFile, json) : json
  check(isJsonObject(content), 'format', () => `${configFile}: must be a JSON object`)
  const method = methodOf(configFile, content['peft_type'], 'peft_type')
  return { method, ...method.fields.parse(content, model) }
}

/**
 * Sees that no field with a value is unknown but those a caller knows of: PEFT warns of such fields and drops them,
 * which may change what the adapter computes. Those that pass, and those in an object that says how an adapter was
 * begun, are saved again as they are, of which `warn` is told.
 * @throws MedAwareError `unsupported`.
 */
export function checkKnown(
  { method, unknown, unknownNested }: ParsedAdapterConfig,
  ignoreFields: readonly string[],
  warn: (message: string) => void = () => {},
): void {
  for (const [key, value] of unknown) {
    const near = nearestName(key, method.fields.keys)
    const meant = near === null ? '' : ` (did you mean ${near}?)`
    const what = `${configFile}: the field ${show(key)} is not known${meant}`
    check(isEmpty(value) || ignoreFields.includes(key), 'unsupported', () => {
      const remedy = `if it does not, pass ignoreFields: [${show(key)}]`
      return `${what}, and ${show(value)} may change what the adapter computes; ${remedy}`
    })
    warn(`${what}; ${show(value)} does nothing here, and is saved again with the adapter`)
  }
  for (const [key, value] of unknownNested) {
    const what = `${configFile}: the field ${show(key)} is not known`
    warn(`${what}; ${show(value)} says how the adapter was begun, and is saved again with it`)
  }
}

/** The adapter_config.json that PEFT 0.21.2 would save, byte for byte: sorted fields, no newline at the end. */
export function formatAdapterConfig(config: AdapterConfig): string {
  return methodOf('formatAdapterConfig', config.peftType).fields.format(config)
}
