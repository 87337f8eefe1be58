import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import type { Finish, WrittenAnswer } from './contender.ts'

/**
 * An answer as OpenAI's protocol has it. What it says of tokens is taken where it makes sense, and is unknown where it
 * does not. @throws MedAwareError `format` for one without a text.
 */
export function readCompletion(who: string, api: 'chat' | 'completions', answer: JsonObject): WrittenAnswer {
  const { choices, usage, model } = answer
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  check(isJsonObject(choice), 'format', () => `${who} answered without a choice: ${show(answer)}`)
  const { prompt_tokens: read, completion_tokens: wrote } = isJsonObject(usage) ? usage : {}
  return {
    ...(api === 'chat' ? saidIn(who, choice) : writtenIn(who, choice)),
    promptTokens: countOf(read),
    completionTokens: countOf(wrote),
    ...(typeof model === 'string' && { servedBy: model }),
  }
}

function writtenIn(who: string, { text, finish_reason: reason }: JsonObject) {
  check(typeof text === 'string', 'format', () => {
    return `${who} answered without a text; its choice has text ${show(text)}. Is it to be asked by 'chat'?`
  })
  return { text, finish: finishOf(reason) }
}

function saidIn(who: string, { message, finish_reason: reason }: JsonObject) {
  check(isJsonObject(message), 'format', () => {
    return `${who} answered without a message; its choice has message ${show(message)}`
  })
  const { content, refusal } = message
  if (typeof refusal === 'string' && refusal !== '') return { text: refusal, finish: 'refused' as const }
  check(content == null || typeof content === 'string', 'format', () => {
    return `${who} answered with a message whose content is ${show(content)}, no text`
  })
  return { text: content ?? '', finish: finishOf(reason) }
}

function finishOf(reason: unknown): Finish {
  if (reason === 'length') return 'length'
  return reason === 'content_filter' ? 'refused' : 'stop'
}

function countOf(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null
}
