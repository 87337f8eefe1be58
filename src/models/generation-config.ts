import { MedAwareError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { flag, number, type Rule, whole } from '../core/options.ts'
import { show } from '../core/show.ts'

/** How a model is meant to be generated with, where nobody says otherwise: transformers' generation_config.json. */
export interface GenerationConfig {
  /** Tokens that end a text; none where it is empty. */
  readonly eosTokenId: readonly number[]
  readonly doSample?: boolean
  readonly temperature?: number
  readonly topK?: number
  readonly topP?: number
  readonly repetitionPenalty?: number
  readonly maxNewTokens?: number
}

/** Settings that change what is generated and are not built, with the values at which they do nothing. */
const idle: Readonly<Record<string, readonly unknown[]>> = {
  num_beams: [1],
  num_beam_groups: [1],
  penalty_alpha: [0],
  min_p: [0],
  typical_p: [1],
  epsilon_cutoff: [0],
  eta_cutoff: [0],
  no_repeat_ngram_size: [0],
  encoder_repetition_penalty: [1],
  min_length: [0],
  min_new_tokens: [0],
  guidance_scale: [1],
  bad_words_ids: [],
  sequence_bias: [],
  suppress_tokens: [],
  begin_suppress_tokens: [],
  forced_bos_token_id: [],
  forced_eos_token_id: [],
  dola_layers: [],
  stop_strings: [],
}

/**
 * Reads a generation_config.json. `null` counts as left out, as in transformers.
 * @param who Begins messages: whose file it is.
 * @returns Also, in words, what the file asks for and does not get.
 * @throws MedAwareError `config` for an `eos_token_id` that is none: a text would never end.
 */
export function parseGenerationConfig(
  json: JsonObject,
  who: string,
): { readonly config: Partial<GenerationConfig>; readonly warnings: readonly string[] } {
  const warnings: string[] = []
  const at = `${who}: generation_config.json`
  const take = <T>(key: string, rule: Rule<T>): T | undefined => {
    const value = json[key] ?? undefined
    const read = value === undefined ? undefined : rule.read(value, at)
    if (value !== undefined && read === undefined) {
      warnings.push(`${at} has ${key} ${show(value)}, which must be ${rule.expects}; it is left out`)
    }
    return read
  }
  const ends = json['eos_token_id'] ?? undefined
  const config = {
    eosTokenId: ends === undefined ? undefined : endTokens(ends, at),
    doSample: take('do_sample', flag),
    temperature: take('temperature', number({ above: 0 })),
    topK: take('top_k', whole({ from: 0 })),
    topP: take('top_p', number({ above: 0, to: 1 })),
    repetitionPenalty: take('repetition_penalty', number({ above: 0 })),
    maxNewTokens: take('max_new_tokens', whole({ from: 1 })),
  }
  for (const [key, nothing] of Object.entries(idle)) {
    const value = json[key] ?? undefined
    if (value === undefined || nothing.includes(value) || isVacant(value)) continue
    warnings.push(`${at} has ${key} ${show(value)}; texts are continued without it`)
  }
  const said = Object.entries(config).filter(([, value]) => value !== undefined)
  return { config: Object.fromEntries(said), warnings }
}

/** Token ids that end a text, of a file that has one or a list. @throws MedAwareError `config`. */
export function endTokens(value: unknown, at: string): readonly number[] {
  const ids: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (ids.every((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0)) return ids
  throw new MedAwareError('config', `${at}: eos_token_id must be a token id or a list of them, got ${show(value)}`)
}

function isVacant(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}
