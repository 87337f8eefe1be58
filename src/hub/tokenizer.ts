import { Tokenizer } from '@huggingface/tokenizers'
import { check, MedAwareError } from '../core/errors.ts'
import type { TextTokenizer } from '../generate/text-tokenizer.ts'

type Json = Readonly<Record<string, unknown>>

/** How common tokenizers name the end of a text, looked for when no tokenizer_config.json says. */
const EOS_NAMES = ['<|endoftext|>', '</s>', '<|end_of_text|>', '<eos>', '<|im_end|>']

/**
 * A tokenizer from a checkpoint's tokenizer.json, run by `@huggingface/tokenizers`. The end of text is tokenizer_config.json's
 * `eos_token`, else an added token with a common name, and never config.json's id: old Falcons hold another model's there.
 * @param tokenizerJson The file's text, or what it parses to; likewise the config.
 * @throws MedAwareError `format` for what is not a tokenizer.json or names an algorithm that is not known, `not-found` when
 * `eos_token` is not in the vocabulary.
 */
export function tokenizerFromJson(
  tokenizerJson: string | Json,
  tokenizerConfigJson: string | Json = {},
): TextTokenizer {
  const config = parse(tokenizerConfigJson, 'tokenizer_config.json')
  const tokenizer = openTokenizer(parse(tokenizerJson, 'tokenizer.json'), config)
  const specials = new Set<number>()
  for (const [id, token] of tokenizer.get_added_tokens_decoder()) if (token.special) specials.add(id)
  const vocabSize = 1 + [...tokenizer.get_vocab().values()].reduce((highest, id) => Math.max(highest, id), -1)
  return {
    vocabSize,
    eosTokenId: eosTokenIdOf(tokenizer, config),
    encode(text) {
      const { ids } = tokenizer.encode(text, { add_special_tokens: false })
      const unknown = ids.findIndex((id: number | undefined) => id === undefined)
      check(
        unknown < 0,
        'unsupported',
        () =>
          `tokenizer: no token for a part of ${JSON.stringify(text.slice(0, 40))}, and the vocabulary has no unknown token`,
      )
      return ids
    },
    decode(ids) {
      const known = ids.filter((id) => !specials.has(id) && tokenizer.id_to_token(id) !== undefined)
      // Tidying spaces would make the text of a few tokens differ from its place in the whole.
      return known.length === 0 ? '' : tokenizer.decode(known, { clean_up_tokenization_spaces: false })
    },
  }
}

function parse(json: string | Json, file: string): Json {
  if (typeof json !== 'string') return json
  try {
    return JSON.parse(json) as Json
  } catch (cause) {
    throw new MedAwareError('format', `tokenizer: ${file} is not JSON`, { cause })
  }
}

function openTokenizer(tokenizerJson: Json, configJson: Json): Tokenizer {
  const model = tokenizerJson['model']
  check(
    typeof model === 'object' && model !== null && 'vocab' in model,
    'format',
    () => 'tokenizer: tokenizer.json has no model.vocab; give the file that Hugging Face tokenizers writes',
  )
  const optional = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null }
  try {
    return new Tokenizer(
      { ...optional, ...tokenizerJson, added_tokens: tokenizerJson['added_tokens'] ?? [] },
      configJson,
    )
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new MedAwareError('format', `tokenizer: tokenizer.json cannot be used, ${reason}`, { cause })
  }
}

function eosTokenIdOf(tokenizer: Tokenizer, configJson: Json): number | null {
  const given = configJson['eos_token']
  const name = typeof given === 'object' && given !== null && 'content' in given ? given.content : given
  if (name === undefined || name === null) {
    const added = new Map([...tokenizer.get_added_tokens_decoder()].map(([id, token]) => [token.content, id]))
    return EOS_NAMES.map((common) => added.get(common)).find((id) => id !== undefined) ?? null
  }
  const id = typeof name === 'string' ? tokenizer.token_to_id(name) : undefined
  check(
    id !== undefined,
    'not-found',
    () => `tokenizer: eos_token ${JSON.stringify(name)} of tokenizer_config.json is not in the vocabulary`,
  )
  return id
}
