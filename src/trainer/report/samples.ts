import { check, messageOf } from '../../core/errors.ts'
import { completeText } from '../../generate/generate-text.ts'
import { isJsonObject } from '../../core/json.ts'
import { listOf, type OptionRules, table, text, that, withMethods } from '../../core/options.ts'
import type { GenerationOptions } from '../../generate/generation-options.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import type { CausalLm } from '../../models/causal-lm.ts'
import type { TrainerCallback } from '../trainer-callback.ts'

/** Prompts that a model answers before its training and after it. */
export interface SamplesOptions {
  /** As the model is to continue them, a chat's template written out. */
  readonly prompts: readonly string[]
  readonly tokenizer: TextTokenizer
  /** How they are continued. Default: as `generateText` does. */
  readonly generation?: Omit<GenerationOptions, 'signal'>
  /** What each prompt should be answered with, to be shown beside. Default none. */
  readonly references?: readonly string[]
  /** What readers of the report are to know of the answers, such as that they are no advice. Default nothing. */
  readonly note?: string
}

/** What a model made of a prompt after some steps. */
export interface LaterAnswer {
  readonly step: number
  readonly text: string
}

/** A prompt, and what the model made of it; null where it has not been asked. */
export interface Sample {
  readonly prompt: string
  readonly before: string | null
  /** What it made of it on the way, in the order of the steps. Default none. */
  readonly between?: readonly LaterAnswer[]
  readonly after: string | null
  /** What was given as the right answer; null for none. */
  readonly reference: string | null
}

const rules: OptionRules<SamplesOptions> = {
  prompts: listOf(text, 1),
  tokenizer: withMethods<TextTokenizer>('a tokenizer', ['encode', 'decode']),
  // completeText reads it, before the first step.
  generation: that('an object', (value): value is Omit<GenerationOptions, 'signal'> => isJsonObject(value)),
  references: listOf(text),
  note: text,
}

/** A rule for them. */
export const samplesRule = table<SamplesOptions>(rules)

/** What is asked, and what the model has answered so far. */
export interface Sampler {
  /** Asks before the first step; checkpoints keep the answers. */
  readonly callback: TrainerCallback
  /** Asks a model that is trained, and tells where it could not: what was trained is saved already. */
  askTrained(model: CausalLm): Promise<void>
  samples(): readonly Sample[]
}

/**
 * Asks a model before its training and after it. @param onWarning Told where it could not be asked at the end.
 * @throws MedAwareError `config` for references that are not as many as the prompts.
 */
export function sampling(
  options: SamplesOptions,
  signal: AbortSignal | undefined,
  onWarning: (message: string) => void,
): Sampler {
  const { prompts, tokenizer, generation, references } = options
  check(references === undefined || references.length === prompts.length, 'config', () => {
    return `Trainer: samples: there are ${prompts.length} prompts and ${references?.length ?? 0} references; give one for each`
  })
  let before: readonly string[] = []
  let after: readonly string[] = []
  const ask = async (model: CausalLm): Promise<readonly string[]> => {
    const answers: string[] = []
    for (const prompt of prompts) {
      answers.push(await completeText(model, tokenizer, prompt, { ...generation, ...(signal && { signal }) }))
    }
    return answers
  }
  return {
    callback: {
      name: 'samples',
      async onTrainBegin({ model, step }) {
        if (step === 0) before = await ask(model)
      },
      state: () => ({ before }),
      restore: ({ before: saved }) => {
        before = Array.isArray(saved) ? saved.map(String) : []
      },
    },
    async askTrained(model) {
      try {
        after = await ask(model)
      } catch (error) {
        onWarning(`the samples were not continued: ${messageOf(error)}`)
      }
    },
    samples: () => {
      return prompts.map((prompt, i) => {
        return { prompt, before: before[i] ?? null, after: after[i] ?? null, reference: references?.[i] ?? null }
      })
    },
  }
}
