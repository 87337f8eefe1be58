import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'

/**
 * The chat templates of a tokenizer_config.json: a text, or several by name; null for none.
 * @throws MedAwareError `format` for anything else.
 */
export function chatTemplateOf({ chat_template: given }: JsonObject): string | Readonly<Record<string, string>> | null {
  if (given === undefined || given === null || typeof given === 'string') return given ?? null
  const isList = Array.isArray(given)
  const entries = isList ? given.map(namedTemplate) : isJsonObject(given) ? Object.entries(given) : null
  const isNamed = entries?.every(
    (entry): entry is [string, string] => entry?.every((part) => typeof part === 'string') === true,
  )
  check(entries !== null && isNamed === true, 'format', () => {
    return `tokenizer: chat_template of tokenizer_config.json must be a text, or a list of { name, template }, got ${show(given)}`
  })
  return Object.fromEntries(entries)
}

function namedTemplate(item: unknown): [unknown, unknown] | null {
  return isJsonObject(item) ? [item['name'], item['template']] : null
}

/** The special tokens that templates may write, by their names in tokenizer_config.json (special_tokens_map). */
export function specialTokensOf(config: JsonObject, eosToken: string | null): Readonly<Record<string, string>> {
  const tokens = Object.entries(config).flatMap(([name, value]): [string, string][] => {
    const content = isJsonObject(value) ? value['content'] : value
    return name.endsWith('_token') && typeof content === 'string' ? [[name, content]] : []
  })
  return { ...(eosToken !== null && { eos_token: eosToken }), ...Object.fromEntries(tokens) }
}
