import { check } from '../../core/errors.ts'
import { isJsonObject, parseJson } from '../../core/json.ts'
import { show } from '../../core/show.ts'
import { type KeptAnswer, keptRule } from './kept-answer.ts'

/** Names on disk are in snake_case. */
const names = {
  contender: 'contender',
  identity: 'identity',
  way: 'way',
  id: 'id',
  promptSha256: 'prompt_sha256',
  prompt: 'prompt',
  maxTokens: 'max_tokens',
  text: 'text',
  finish: 'finish',
  promptTokens: 'prompt_tokens',
  completionTokens: 'completion_tokens',
  seconds: 'seconds',
  servedBy: 'served_by',
  logLikelihoods: 'log_likelihoods',
} as const satisfies Record<keyof KeptAnswer, string>

/** An answer as a line of JSON, with its end. */
export function answerLine(answer: KeptAnswer): string {
  const fields = Object.entries(names).map(([name, onDisk]) => [onDisk, answer[name as keyof KeptAnswer]])
  return `${JSON.stringify(Object.fromEntries(fields))}\n`
}

/**
 * Reads such lines. A last line that is not finished, as a program that was stopped leaves it, is passed over.
 * @param who Begins an error, such as the file's name.
 * @throws MedAwareError `format` naming the line, for what is no answer.
 */
export function readAnswerLines(who: string, text: string): KeptAnswer[] {
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n')
  return lines.flatMap((line, i) => {
    if (line.trim() === '') return []
    const at = `${who}: line ${i + 1}`
    const fields = parseJson(at, line)
    check(isJsonObject(fields), 'format', () => `${at} must be an object, got ${show(fields)}`)
    const entries = Object.entries(names).map(([name, onDisk]) => [name, fields[onDisk] ?? null])
    const read = keptRule.read(Object.fromEntries(entries), at)
    check(read !== undefined, 'format', () => `${at} is no answer that was kept by a comparison`)
    return [read]
  })
}
