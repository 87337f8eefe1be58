import { applyChatTemplate } from '../../data/chat/apply-chat-template.ts'
import { check } from '../../core/errors.ts'
import {
  flag,
  listOf,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  text,
  whole,
  withMethods,
} from '../../core/options.ts'
import { sha256 } from '../../core/sha256.ts'
import { fingerprint } from '../../evaluate/log-likelihood/fingerprint.ts'
import { logLikelihoods } from '../../evaluate/log-likelihood/log-likelihoods.ts'
import { partsOf, RequestEncoder } from '../../evaluate/log-likelihood/request.ts'
import { generatePieces } from '../../generate/generate-text.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import { modelRule, type PretrainedLm } from '../../models/causal-lm.ts'
import type { Contender, Way, WeighingContender, WritingContender } from './contender.ts'

/** How a model of this process is asked. */
export interface LocalContenderOptions<W extends Way = Way> {
  /** Its name in tables. */
  readonly name: string
  /** Default `generate`, which can be compared with endpoints. */
  readonly way?: W
  /** Whether prompts are written by the tokenizer's chat template. Default: whether it has one. For `generate`. */
  readonly chat?: boolean
  /**
   * What ends a text. Default: nothing in a chat, else an empty line, as lm-evaluation-harness. For `generate`.
   */
  readonly stop?: readonly string[]
  /** Tokens that the model reads and writes together. Default: its config's maxPositionEmbeddings. */
  readonly maxLength?: number
}

const rules: OptionRules<LocalContenderOptions> = {
  name: text,
  way: oneOf(['generate', 'log-likelihood']),
  chat: flag,
  stop: listOf(text),
  maxLength: whole({ from: 2 }),
}

const tokenizerRule = withMethods<TextTokenizer>("a tokenizer, such as loadModel's", ['encode', 'decode'])

/**
 * A model of this process, with the adapters that are active on it now: it generates the likeliest tokens and its
 * answer is looked for in them, or it weighs the choices as `evaluate` does. What it would answer is known by its
 * answer to a text of no meaning, so that another model's, adapter's or device's answers are not taken for its own.
 * @throws MedAwareError `config` for senseless options, and for `chat` without a template.
 */
export async function localContender<W extends Way = 'generate'>(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  options: LocalContenderOptions<W>,
): Promise<W extends 'generate' ? WritingContender : WeighingContender>
export async function localContender(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  options: LocalContenderOptions,
): Promise<Contender> {
  const who = 'localContender'
  readArgument(who, 'model', model, modelRule)
  readArgument(who, 'tokenizer', tokenizer, tokenizerRule)
  const read = readOptions(who, options, rules)
  const name = readArgument(who, 'name', read.name, text)
  const { way = 'generate', maxLength = model.config.maxPositionEmbeddings } = read
  const { chatTemplate = null } = tokenizer
  const { chat = chatTemplate !== null } = read
  const found = { device: model.device.kind, fingerprint: await fingerprint(model), maxLength }
  if (way === 'log-likelihood') {
    const idle = (['chat', 'stop'] as const).find((each) => read[each] !== undefined)
    check(idle === undefined, 'config', () => `${who}: ${idle} does nothing by log-likelihood; leave it out`)
    return weighing(model, tokenizer, { name, maxLength, identity: JSON.stringify({ way, ...found }) })
  }
  check(
    !chat || chatTemplate !== null,
    'config',
    () => `${who}: chat needs a template, and ${name}'s tokenizer has none`,
  )
  const { stop = chat ? [] : ['\n\n'] } = read
  const template = chat ? { chatTemplateSha256: await sha256(JSON.stringify(chatTemplate)) } : {}
  return writing(model, tokenizer, {
    ...{ name, maxLength, chat, stop },
    identity: JSON.stringify({ way, ...found, stop, ...template }),
  })
}

interface Asked {
  readonly name: string
  readonly identity: string
  readonly maxLength: number
}

function writing(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  { name, identity, maxLength, chat, stop }: Asked & { readonly chat: boolean; readonly stop: readonly string[] },
): WritingContender {
  const idsOf = async (prompt: string) => {
    if (!chat) return tokenizer.encode(prompt)
    const turn = await applyChatTemplate(tokenizer, [{ role: 'user', content: prompt }], { addGenerationPrompt: true })
    return tokenizer.encode(turn, { addSpecialTokens: false })
  }
  return {
    name,
    identity,
    async answer(prompt, { maxTokens, signal }) {
      const ids = await idsOf(prompt)
      const room = Math.min(maxTokens, maxLength - ids.length)
      if (room < 1) return { text: '', finish: 'too-long', promptTokens: ids.length, completionTokens: 0 }
      // Greedy, whatever the model's generation_config.json says.
      const greedy = { doSample: false, temperature: 1, topK: 50, topP: 1, repetitionPenalty: 1, maxNewTokens: room }
      // The piece for what was held back comes last, and is no token.
      let [text, completionTokens, isDone] = ['', -1, false]
      for await (const piece of generatePieces(model, tokenizer, ids, { ...greedy, ...(signal && { signal }) })) {
        text += piece.text
        completionTokens++
        const end = endIn(text, stop)
        isDone = piece.hasEnded || end >= 0
        if (end < 0) continue
        text = text.slice(0, end)
        completionTokens++
        break
      }
      return { text, finish: isDone ? 'stop' : 'length', promptTokens: ids.length, completionTokens }
    },
  }
}

/** Where the first of some texts begins; -1 where there is none. */
function endIn(text: string, stops: readonly string[]): number {
  const found = stops.map((stop) => text.indexOf(stop)).filter((at) => at >= 0)
  return found.length === 0 ? -1 : Math.min(...found)
}

function weighing(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  { name, identity, maxLength }: Asked,
): WeighingContender {
  const encoder = new RequestEncoder(tokenizer)
  return {
    name,
    identity,
    async weigh(prompt, choices, { signal }) {
      const found: number[] = []
      const request = encoder.encode(
        prompt,
        choices.map((choice) => ` ${choice}`),
      )
      for (const part of partsOf(request, maxLength)) {
        signal?.throwIfAborted()
        const [likely = []] = await logLikelihoods(model, [part])
        for (const [i, place] of part.places.entries()) found[place] = likely[i]?.logLikelihood ?? NaN
      }
      return { logLikelihoods: found, promptTokens: Math.min(request.context.length, maxLength) }
    },
  }
}
