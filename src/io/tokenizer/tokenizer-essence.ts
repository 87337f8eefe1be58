import { isJsonObject, type JsonObject } from '../../core/json.ts'
import type { TokenizerFiles } from './tokenizer-files.ts'

/** What of a tokenizer decides on the ids of a text: each part as a text that is equal where the parts do the same. */
export interface TokenizerEssence {
  readonly tokens: ReadonlyMap<string, number>
  readonly parts: Readonly<Record<string, string>>
}

/** What of a BPE decides on the ids of a text. @param isSpecial Of an added token, by its content. */
export function essenceOf({ tokenizer }: TokenizerFiles, isSpecial: (token: AddedToken) => boolean): TokenizerEssence {
  const model = isJsonObject(tokenizer['model']) ? tokenizer['model'] : {}
  const added = addedTokens(tokenizer)
  const tokens = tokensOf(tokenizer)
  const written = added.map((token) => {
    const { id, content, lstrip = false, rstrip = false, single_word: isWord = false } = token
    return [id, content, isSpecial(token), lstrip, rstrip, isWord]
  })
  return {
    tokens,
    parts: {
      'added tokens': JSON.stringify(written.sort(([a], [b]) => Number(a) - Number(b))),
      merges: JSON.stringify(mergesInOrder(model, added)),
      'tokens around a text': JSON.stringify(aroundOf(tokenizer['post_processor'])),
      'normalizer and pre-tokenizer': cutsOf(tokenizer),
      decoder: JSON.stringify(decodersOf(tokenizer['decoder'])),
      ignore_merges: JSON.stringify(model['ignore_merges'] === true),
    },
  }
}

/** A token that stands for itself, as tokenizer.json has it. */
export interface AddedToken extends JsonObject {
  readonly id: number
  readonly content: string
}

/** Those of a tokenizer.json. */
export function addedTokens({ added_tokens: given }: JsonObject): readonly AddedToken[] {
  return Array.isArray(given) ? given.filter((token): token is AddedToken => isJsonObject(token)) : []
}

/** Ids of all tokens, those that were added too. */
export function tokensOf(tokenizer: JsonObject): Map<string, number> {
  const model = isJsonObject(tokenizer['model']) ? tokenizer['model'] : {}
  const vocab = isJsonObject(model['vocab']) ? model['vocab'] : {}
  const added = addedTokens(tokenizer).map(({ id, content }): [string, number] => [content, id])
  return new Map([...Object.entries(vocab).map(([token, id]): [string, number] => [token, Number(id)]), ...added])
}

/** Merges in the words of files before tokenizers 0.20: two tokens with a space between. */
export function mergesOf({ merges }: JsonObject): readonly string[] {
  if (!Array.isArray(merges)) return []
  return merges.map((merge: unknown) => (Array.isArray(merge) ? merge.join(' ') : String(merge)))
}

/**
 * Merges without those that make an added token, which texts are cut at before; several ways to one token, in any order
 * among themselves.
 */
function mergesInOrder(model: JsonObject, added: readonly AddedToken[]): readonly string[] {
  const contents = new Set(added.map(({ content }) => content))
  const made = mergesOf(model).map((merge) => ({ merge, token: merge.replace(' ', '') }))
  let begin = 0
  const placed = made
    .filter(({ token }) => !contents.has(token))
    .map(({ merge, token }, place, all) => {
      if (all[place - 1]?.token !== token) begin = place
      return { merge, begin }
    })
  placed.sort((a, b) => a.begin - b.begin || (a.merge < b.merge ? -1 : 1))
  return placed.map(({ merge }) => merge)
}

/** How texts are cut. */
export function cutsOf(tokenizer: JsonObject): string {
  const normalizers = stepsOf(tokenizer['normalizer'], 'normalizers')
  const cuts = stepsOf(tokenizer['pre_tokenizer'], 'pretokenizers').flatMap((step) => asNormalizers(step))
  const all = [...normalizers, ...cuts]
  const hasNoSpaces = normalizers.some((step) => step['type'] === 'Replace' && step['content'] === '▁')
  // A cut at spaces cuts nothing where they were replaced.
  const isIdle = ({ type, pattern }: JsonObject) =>
    hasNoSpaces && type === 'Split' && JSON.stringify(pattern) === '{"String":" "}'
  return JSON.stringify(all.filter((step) => !isIdle(step)).map(plainStep))
}

/** Whether a tokenizer.json puts its space before the first word alone, which GGUF has no word for. */
export function prefixesFirst(tokenizer: JsonObject): boolean {
  const steps = stepsOf(tokenizer['pre_tokenizer'], 'pretokenizers')
  return steps.some((step) => step['type'] === 'Metaspace' && (step['prepend_scheme'] ?? 'always') === 'first')
}

/** Steps of a part, those of sequences one after another. */
function stepsOf(part: unknown, name: string): readonly JsonObject[] {
  if (!isJsonObject(part)) return []
  const { type, [name]: inside } = part
  return type === 'Sequence' && Array.isArray(inside) ? inside.flatMap((each) => stepsOf(each, name)) : [part]
}

/** Metaspace that does not cut is what SentencePiece's normalizers are. */
function asNormalizers(step: JsonObject): readonly JsonObject[] {
  const { type, replacement = '▁', split = true, prepend_scheme: scheme = 'always' } = step
  if (type !== 'Metaspace' || replacement !== '▁' || split !== false) return [step]
  const spaces = { type: 'Replace', pattern: { String: ' ' }, content: '▁' }
  return scheme === 'never' ? [spaces] : [{ type: 'Prepend', prepend: '▁' }, spaces]
}

/** A step with its defaults, without what changes no ids, and with its fields in one order. */
function plainStep({ type, trim_offsets: _, ...fields }: JsonObject): readonly unknown[] {
  const all = { ...defaults[String(type)], ...fields }
  return [type, ...Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1))]
}

const defaults: Readonly<Record<string, JsonObject>> = {
  ByteLevel: { add_prefix_space: true, use_regex: true },
  Digits: { individual_digits: false },
  Split: { invert: false },
}

/** Byte-level ones do the same whatever their fields are. */
function decodersOf(decoder: unknown): readonly unknown[] {
  return stepsOf(decoder, 'decoders').map((step) => (step['type'] === 'ByteLevel' ? ['ByteLevel'] : plainStep(step)))
}

/** Tokens that are put before and behind a text; what else a post-processor does is kept as it is. */
function aroundOf(part: unknown): readonly unknown[] {
  return stepsOf(part, 'processors').flatMap((step): readonly unknown[] => {
    const { type, single } = step
    if (type === 'ByteLevel') return []
    if (type !== 'TemplateProcessing' || !Array.isArray(single)) return [step]
    const pieces = single.map((piece: unknown) => {
      const special = isJsonObject(piece) ? piece['SpecialToken'] : undefined
      return isJsonObject(special) ? String(special['id']) : null
    })
    return pieces.length === 1 && pieces[0] === null ? [] : [pieces]
  })
}
