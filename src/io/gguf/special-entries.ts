import { isJsonObject, type JsonObject } from '../../core/json.ts'
import type { GgufEntry } from '../../gguf/writer.ts'
import { chatTemplateOf } from '../tokenizer/chat-fields.ts'
import { tokensOf } from '../tokenizer/tokenizer-essence.ts'
import type { TokenizerFiles } from '../tokenizer/tokenizer-files.ts'

/** What tokenizer_config.json does not say. */
interface GivenIds {
  /** By config.json, where the tokenizer has no such token. */
  readonly bos: number | null
  readonly eos: number | null
  /** The token as it is written. */
  readonly unknown: unknown
}

const key = (name: string): string => `tokenizer.ggml.${name}`

/** The content of a special token that tokenizer_config.json names. */
export function tokenNamed(config: JsonObject, name: string): string | null {
  const token = config[`${name}_token`]
  const content = isJsonObject(token) ? token['content'] : token
  return typeof content === 'string' ? content : null
}

/** Ids of tokens that mean something, and whether texts begin and end with one. */
export function specialEntries({ tokenizer, config }: TokenizerFiles, { bos, eos, unknown }: GivenIds): GgufEntry[] {
  const ids = tokensOf(tokenizer)
  const idOf = (token: unknown) => (typeof token === 'string' ? (ids.get(token) ?? null) : null)
  const named = {
    bos: idOf(tokenNamed(config, 'bos')) ?? bos,
    eos: idOf(tokenNamed(config, 'eos')) ?? eos,
    unknown: idOf(unknown),
    seperator: idOf(tokenNamed(config, 'sep')),
    padding: idOf(tokenNamed(config, 'pad')),
    cls: idOf(tokenNamed(config, 'cls')),
    mask: idOf(tokenNamed(config, 'mask')),
  }
  const [before, after] = aroundIds(tokenizer, ids)
  return [
    ...Object.entries(named).flatMap(([name, id]): GgufEntry[] => {
      return id === null ? [] : [{ key: key(`${name}_token_id`), type: 'uint32', value: id }]
    }),
    { key: key('add_bos_token'), type: 'bool', value: before !== null && before === named.bos },
    { key: key('add_eos_token'), type: 'bool', value: after !== null && after === named.eos },
  ]
}

/** Ids of the tokens that a text begins and ends with, `null` for none. */
function aroundIds({ post_processor: part }: JsonObject, ids: ReadonlyMap<string, number>) {
  const steps: unknown = isJsonObject(part) && Array.isArray(part['processors']) ? part['processors'] : [part]
  const template = (steps as readonly unknown[]).find((step): step is JsonObject => {
    return isJsonObject(step) && step['type'] === 'TemplateProcessing'
  })
  const single: readonly unknown[] = Array.isArray(template?.['single']) ? template['single'] : []
  return [single[0], single.at(-1)].map((piece) => {
    const special = isJsonObject(piece) ? piece['SpecialToken'] : undefined
    return isJsonObject(special) ? (ids.get(String(special['id'])) ?? null) : null
  })
}

/** The chat template, or several by name. */
export function templateEntries(config: JsonObject): readonly GgufEntry[] {
  const templates = chatTemplateOf(config)
  if (templates === null) return []
  const byName = typeof templates === 'string' ? { default: templates } : templates
  const text = (name: string, value: string): GgufEntry => ({ key: `tokenizer.${name}`, type: 'string', value })
  const { default: main, ...others } = byName
  const named = Object.entries(others).map(([name, value]) => [name.replaceAll(/[^A-Za-z0-9]/g, '_'), value] as const)
  return [
    ...named.map(([name, value]) => text(`chat_template.${name}`, value)),
    ...(named.length === 0
      ? []
      : [{ key: 'tokenizer.chat_templates', type: 'string', value: named.map(([name]) => name) } as const]),
    ...(main === undefined ? [] : [text('chat_template', main)]),
  ]
}
