import { check } from '../../core/errors.ts'
import { isJsonObject } from '../../core/json.ts'
import { shorten, show } from '../../core/show.ts'
import type { TokenIds } from './check-model.ts'

/** Checks that what is put around a text is in the vocabulary, under the id that is told. */
export function checkPostProcessor(part: unknown, ids: TokenIds): void {
  if (!isJsonObject(part)) return
  const { type, processors, single, special_tokens: specials } = part
  if (type === 'Sequence' && Array.isArray(processors)) for (const each of processors) checkPostProcessor(each, ids)
  if (type === 'TemplateProcessing') checkTemplate(single, specials, ids)
  if (type !== 'BertProcessing' && type !== 'RobertaProcessing') return
  for (const name of ['cls', 'sep']) {
    const pair: unknown = part[name]
    const [token, id] = Array.isArray(pair) ? (pair as readonly unknown[]) : []
    check(typeof token === 'string', 'format', () => {
      return `tokenizer: ${name} of ${type} must be a token and its id, got ${show(pair)}`
    })
    checkToken(token, id, ids)
  }
}

function checkTemplate(single: unknown, specials: unknown, ids: TokenIds): void {
  check(Array.isArray(single), 'format', () => {
    return `tokenizer: single of TemplateProcessing must be a list, got ${show(single)}`
  })
  for (const piece of single as readonly unknown[]) {
    const { SpecialToken: special, Sequence: sequence } = isJsonObject(piece) ? piece : {}
    const token = isJsonObject(special) ? special['id'] : undefined
    const isText = special === undefined && isJsonObject(sequence) && sequence['id'] === 'A'
    check(typeof token === 'string' || isText, 'format', () => {
      return `tokenizer: single of TemplateProcessing has ${show(piece)}, where a SpecialToken or the Sequence A must be`
    })
    if (typeof token !== 'string') continue
    const told = isJsonObject(specials) && Object.hasOwn(specials, token) ? specials[token] : undefined
    const [id, ...more] = isJsonObject(told) && Array.isArray(told['ids']) ? (told['ids'] as readonly unknown[]) : []
    check(more.length === 0, 'unsupported', () => {
      return `tokenizer: TemplateProcessing puts several ids for ${JSON.stringify(shorten(token))}`
    })
    checkToken(token, id, ids)
  }
}

/** The Rust library puts the id that is told, `@huggingface/tokenizers` the one that the vocabulary has. */
function checkToken(token: string, id: unknown, ids: TokenIds): void {
  check(typeof id === 'number', 'format', () => {
    return `tokenizer: the post_processor of tokenizer.json has no id for ${JSON.stringify(shorten(token))}, got ${show(id)}`
  })
  const known = ids.get(token)
  check(known === id, 'unsupported', () => {
    return `tokenizer: the post_processor of tokenizer.json puts ${JSON.stringify(shorten(token))} in texts with the id ${id}, but the vocabulary has ${known === undefined ? 'no such token' : `it with ${known}`}`
  })
}
