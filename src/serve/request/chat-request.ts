import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { flag, listOf, type OptionRules, type Rule, whole } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import { applyChatTemplate } from '../../data/chat/apply-chat-template.ts'
import type { Message } from '../../data/chat/message.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import { checkRequest, refusal } from '../api-error.ts'
import {
  type AnswerRequest,
  checkLength,
  checkLimits,
  type RequestLimits,
  samplingOf,
  seedOf,
  type SharedFields,
  sharedRefused,
  sharedRules,
  streamOf,
} from './answer-request.ts'
import { needed, readFields, undone } from './fields.ts'

interface ChatFields extends SharedFields {
  readonly messages: readonly Message[]
  readonly max_completion_tokens?: number
  readonly logprobs?: boolean
  readonly top_logprobs?: number
}

/** The system's words are the developer's in OpenAI's newer models; chat templates know the former. */
const roles = new Map([
  ['system', 'system'],
  ['developer', 'system'],
  ['user', 'user'],
  ['assistant', 'assistant'],
])

const message: Rule<Message> = {
  expects: 'a message { role, content } of system, developer, user or assistant, with a text',
  read: (value) => {
    if (!isJsonObject(value)) return undefined
    const { role, content, name: _, refusal: __, ...rest } = value
    const known = typeof role === 'string' ? roles.get(role) : undefined
    const text = textOf(content)
    const others = Object.values(rest).filter((each) => each !== null && !(Array.isArray(each) && each.length === 0))
    return known === undefined || text === null || others.length > 0 ? undefined : { role: known, content: text }
  },
}

/** A text, or parts that are texts, as one. */
function textOf(content: unknown): string | null {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return null
  const texts = content.map((part: unknown) => {
    return isJsonObject(part) && part['type'] === 'text' && typeof part['text'] === 'string' ? part['text'] : null
  })
  return texts.includes(null) ? null : texts.join('')
}

const rules: OptionRules<ChatFields> = {
  ...sharedRules,
  messages: listOf(message, 1),
  max_completion_tokens: whole({ from: 1, to: 2 ** 31 }),
  logprobs: flag,
  top_logprobs: whole({ from: 0, to: 20 }),
}

const refused = {
  ...sharedRefused,
  ...{ tools: undone([]), tool_choice: undone('none', 'auto'), functions: undone([]), function_call: undone('none') },
  ...{ response_format: undone({ type: 'text' }), modalities: undone(['text']), audio: undone(), prediction: undone() },
  ...{ reasoning_effort: undone('none'), verbosity: undone(), web_search_options: undone(), moderation: undone() },
}

/** What `POST /v1/chat/completions` asks. @throws ApiError 400. */
export async function readChatRequest(
  body: JsonObject,
  tokenizer: TextTokenizer,
  limits: RequestLimits,
): Promise<AnswerRequest> {
  const fields = readFields(body, rules, refused)
  const model = needed('model', fields.model)
  const messages = needed('messages', fields.messages)
  const { n = 1, logprobs = false, max_tokens: most, max_completion_tokens: wanted = most } = fields
  checkRequest(logprobs || fields.top_logprobs === undefined, 'top_logprobs', () => {
    return 'top_logprobs goes with logprobs: true'
  })
  checkRequest(wanted !== 0, 'max_tokens', () => 'max_tokens must be a whole number from 1')
  const prompts = [{ ids: await promptOf(tokenizer, messages, limits), text: null }]
  return {
    ...{ model, prompts, n, isEchoed: false, maxNewTokens: checkLimits(prompts, n, wanted ?? null, limits) },
    ...{ stop: [fields.stop ?? []].flat(), sampling: samplingOf(fields), seed: seedOf(fields) },
    ...{ top: logprobs ? (fields.top_logprobs ?? 0) : null, ...streamOf(fields) },
  }
}

/** A conversation as the model's chat template has it. @throws ApiError 400 where there is none, or it complains. */
async function promptOf(
  tokenizer: TextTokenizer,
  messages: readonly Message[],
  limits: RequestLimits,
): Promise<readonly number[]> {
  checkRequest((tokenizer.chatTemplate ?? null) !== null, 'messages', () => {
    return 'the model has no chat template, so it takes no conversations; ask /v1/completions'
  })
  try {
    const text = await applyChatTemplate(tokenizer, messages, { addGenerationPrompt: true })
    checkLength(text, 'messages', limits)
    const ids = tokenizer.encode(text, { addSpecialTokens: false })
    checkRequest(ids.length > 0, 'messages', () => `the chat template makes no text of ${show(messages)}`)
    return ids
  } catch (thrown) {
    throw refusal('messages', thrown)
  }
}
