import { nextTurn } from '#platform'
import type { JsonObject } from '../../core/json.ts'
import { flag, type OptionRules, whole } from '../../core/options.ts'
import { checkPrompts } from '../../generate/generation-options.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import { checkRequest, refusal } from '../api-error.ts'
import {
  type AnswerRequest,
  checkLength,
  checkLimits,
  type Prompt,
  prompt,
  type RequestLimits,
  samplingOf,
  seedOf,
  type SharedFields,
  sharedRefused,
  sharedRules,
  streamOf,
} from './answer-request.ts'
import { needed, readFields, undone } from './fields.ts'

interface CompletionFields extends SharedFields {
  readonly prompt: string | readonly (string | number | readonly number[])[]
  readonly echo?: boolean
  readonly logprobs?: number
}

const rules: OptionRules<CompletionFields> = {
  ...sharedRules,
  prompt,
  echo: flag,
  logprobs: whole({ from: 0, to: 20 }),
}
const refused = { ...sharedRefused, best_of: undone(1), suffix: undone('') }

/** OpenAI's max_tokens where a request does not say. */
const usualTokens = 16

/** What `POST /v1/completions` asks. @throws ApiError 400. */
export async function readCompletionRequest(
  body: JsonObject,
  tokenizer: TextTokenizer,
  vocabSize: number,
  limits: RequestLimits,
): Promise<AnswerRequest> {
  const fields = readFields(body, rules, refused)
  const model = needed('model', fields.model)
  const { n = 1, echo = false, max_tokens: wanted = usualTokens } = fields
  const given = promptsOf(needed('prompt', fields.prompt))
  // Before any is encoded: that takes time.
  checkRequest(given.length * n <= limits.maxChoices, 'prompt', () => {
    return `${given.length} prompts with ${n} answers each are more than ${limits.maxChoices} answers`
  })
  for (const each of given) checkLength(each, 'prompt', limits)
  const prompts: Prompt[] = []
  for (const each of given) {
    prompts.push(encoded(each, tokenizer))
    // Many long texts take long, and others are served meanwhile.
    await nextTurn()
  }
  try {
    checkPrompts(
      prompts.map(({ ids }) => ids),
      vocabSize,
    )
  } catch (thrown) {
    throw refusal('prompt', thrown)
  }
  checkRequest(wanted > 0 || echo, 'max_tokens', () => 'max_tokens must be a whole number from 1, or echo be true')
  return {
    ...{ model, prompts, n, isEchoed: echo, maxNewTokens: checkLimits(prompts, n, wanted, limits) },
    ...{ stop: [fields.stop ?? []].flat(), sampling: samplingOf(fields), seed: seedOf(fields) },
    ...{ top: fields.logprobs ?? null, ...streamOf(fields) },
  }
}

/** A text, a list of texts, a list of ids or a list of those, as a list. @throws ApiError 400 for a mixture. */
function promptsOf(given: CompletionFields['prompt']): readonly (string | readonly number[])[] {
  if (typeof given === 'string') return [given]
  checkRequest(given.length > 0, 'prompt', () => 'prompt is an empty list')
  const ids = given.filter((each) => typeof each === 'number')
  if (ids.length === given.length) return [ids]
  const texts = given.filter((each) => typeof each === 'string')
  const lists = given.filter((each) => typeof each === 'object')
  checkRequest([texts.length, lists.length].includes(given.length), 'prompt', () => {
    return 'prompt must be a text, a list of texts, a list of token ids or a list of those lists, and no mixture'
  })
  return texts.length > 0 ? texts : lists
}

function encoded(given: string | readonly number[], tokenizer: TextTokenizer): Prompt {
  if (typeof given !== 'string') return { ids: given, text: null }
  try {
    return { ids: given === '' ? beginning(tokenizer) : tokenizer.encode(given), text: given }
  } catch (thrown) {
    throw refusal('prompt', thrown)
  }
}

/** The token that stands for no text. @throws ApiError 400 where the tokenizer has none. */
function beginning(tokenizer: TextTokenizer): readonly number[] {
  const { bos_token: bos, eos_token: eos } = tokenizer.specialTokens ?? {}
  const written = bos ?? eos
  const [own] = written === undefined ? [] : tokenizer.encode(written, { addSpecialTokens: false })
  const id = own ?? tokenizer.eosTokenId
  checkRequest(id !== null, 'prompt', () => 'prompt is empty, and the tokenizer has no token that begins a text')
  return [id]
}
