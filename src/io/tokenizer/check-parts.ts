import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { checkPatternCost } from '../../core/pattern-cost.ts'
import { show } from '../../core/show.ts'

/** How many times as long as it was the parts of a tokenizer may make a text between them. */
const mostGrowth = 65_536
/** Characters that the added tokens may come to once normalized. */
const mostAdded = 2 ** 26

/** Fields that are texts where a part has them. */
const texts = ['prepend', 'content', 'replacement', 'str_rep', 'prefix', 'suffix', 'pad_token', 'word_delimiter_token']

/**
 * Refuses what would take time or room without end on some text.
 * @throws MedAwareError `unsupported` or `format`, and as `checkPatternCost`.
 */
export function checkParts(json: JsonObject, added: readonly string[]): void {
  const { normalizer, pre_tokenizer: preTokenizer, post_processor: postProcessor, decoder, model } = json
  const normalized = growthOfAll([normalizer])
  checkGrowth(normalized * growthOfAll([preTokenizer, postProcessor]) * suffixGrowth(model))
  checkGrowth(growthOfAll([decoder]))
  const length = added.reduce((sum, token) => sum + token.length, 0)
  check(length * normalized <= mostAdded, 'unsupported', () => {
    return `tokenizer: the added tokens of tokenizer.json have ${length} characters, which its normalizer may make ${normalized} times as many`
  })
}

function checkGrowth(growth: number): void {
  check(growth <= mostGrowth, 'unsupported', () => {
    return `tokenizer: the parts of tokenizer.json make a text up to ${growth} times as long; ${mostGrowth} times are the most`
  })
}

/** Checks parts and all within them. */
function growthOfAll(parts: readonly unknown[]): number {
  const left = [...parts]
  let growth = 1
  while (left.length > 0) {
    const part: unknown = left.pop()
    if (Array.isArray(part)) for (const each of part as readonly unknown[]) left.push(each)
    if (!isJsonObject(part)) continue
    if (typeof part['type'] === 'string') {
      checkPart(part)
      growth *= growthOf(part)
    }
    for (const value of Object.values(part)) if (typeof value === 'object') left.push(value)
  }
  return growth
}

function checkPart(part: JsonObject): void {
  const { type, pattern, length } = part
  for (const name of texts) {
    const value = part[name] ?? (type === 'Prepend' && name === 'prepend' ? undefined : '')
    check(typeof value === 'string', 'format', () => {
      return `tokenizer: ${name} of ${show(type)} in tokenizer.json must be a text, got ${show(value)}`
    })
  }
  for (const name of ['behavior', 'prepend_scheme']) {
    const value = part[name] ?? ''
    check(typeof value === 'string', 'format', () => {
      return `tokenizer: ${name} of ${show(type)} in tokenizer.json must be a text, got ${show(value)}`
    })
  }
  const { String: literal, Regex: regex } = isJsonObject(pattern) ? pattern : {}
  check(
    typeof (regex ?? literal) === 'string' || (type !== 'Replace' && type !== 'Split'),
    'format',
    () => `tokenizer: pattern of ${show(type)} in tokenizer.json must be a String or a Regex, got ${show(pattern)}`,
  )
  if (typeof regex === 'string') checkPatternCost(regex, 'tokenizer: tokenizer.json')
  const isLength = type !== 'FixedLength' || (Number.isSafeInteger(length) && Number(length) > 0)
  check(isLength, 'format', () => {
    return `tokenizer: FixedLength of tokenizer.json must have a length from 1, got ${show(length)}`
  })
}

const lengthOf = (value: unknown, none: string) => (typeof value === 'string' ? value : none).length

/** How many times as long as it was a part may make a text, of one character at the least. */
function growthOf(part: JsonObject): number {
  const { type, content, pattern, single } = part
  switch (type) {
    case 'TemplateProcessing':
      if (!Array.isArray(single)) return 1
      return Math.max(1, single.filter((each) => isJsonObject(each) && 'Sequence' in each).length)
    case 'Replace': {
      const replaced = isJsonObject(pattern) ? lengthOf(pattern['String'], '') : 0
      // A regular expression may match nothing, between any two characters.
      return replaced > 0 ? Math.max(1, lengthOf(content, '') / replaced) : lengthOf(content, '') + 1
    }
    case 'Prepend':
      return lengthOf(part['prepend'], '') + 1
    case 'Metaspace':
      // In a decoder it puts a space for its replacement, or around every character where that is empty.
      return 2 * Math.max(1, lengthOf(part['replacement'], ' '), lengthOf(part['str_rep'], ' '))
    case 'ByteLevel':
      // Three bytes for a UTF-16 unit.
      return part['add_prefix_space'] === true ? 4 : 3
    case 'BPEDecoder':
    case 'CTC':
      return 2
    case 'Lowercase':
    case 'NFC':
    case 'BertNormalizer':
      return 3
    case 'NFD':
      return 4
    case 'NFKC':
    case 'NFKD':
    case 'Precompiled':
      // U+FDFA, of Unicode's own figures.
      return 18
    default:
      return 1
  }
}

/** What a model puts behind each piece of a text. */
function suffixGrowth(model: unknown): number {
  if (!isJsonObject(model)) return 1
  return (lengthOf(model['end_of_word_suffix'], '') + 1) * (lengthOf(model['continuing_subword_suffix'], '') + 1)
}
