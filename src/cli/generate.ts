import { addAbortSignal } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import { generateText } from '../generate/generate-text.ts'
import { modelFlags, readModelFlags, withAdaptedModel } from './adapted-model.ts'
import { amount, type Command, parseWords, whole } from './command.ts'

const help = `Continues a text, as it comes, on stdout.

  peft-medaware generate SOURCE [options]

  --prompt TEXT         what to continue                        (all of stdin)
  --adapter DIR         an adapter for the model, a folder or a name on the Hub
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --max-new-tokens N                                            (128)
  --temperature X       above 0 draws instead of taking the likeliest token, 1 from the model's own distribution; 0 takes it
  --top-k N             draw among the N likeliest, 0 for all   (50)
  --top-p X             draw among the likeliest that together reach X (1)
  --repetition-penalty X  above 1 makes tokens that were seen less likely (1)
                        What is not given is as the model's generation_config.json says, else the likeliest token is taken.
  --seed N              same seed, same text                    (0)
  --quantize NAME       load in nf4, fp4, int8, q8_0 or q4_0    (as it is)
  --dtype NAME          f32, f16 or bf16, of what is not quantised (f32)
  --device NAME         auto, cpu or webgpu                     (auto)
  --build NAME          of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --help

With --top-k or --top-p and no --temperature it draws at 1.`

/** `peft-medaware generate`. */
export const generateCommand: Command = {
  summary: 'continue a text',
  help,
  async run(args, context) {
    const { signal, progress, print } = context
    const { values, words } = parseWords(args, ['SOURCE'], {
      prompt: { type: 'string' },
      'max-new-tokens': { type: 'string' },
      temperature: { type: 'string' },
      'top-k': { type: 'string' },
      'top-p': { type: 'string' },
      'repetition-penalty': { type: 'string' },
      seed: { type: 'string', default: '0' },
      ...modelFlags,
    })
    const options = {
      ...samplingOf(values),
      seed: whole('seed', values.seed, 0),
      signal,
    }
    const asked = readModelFlags(values)
    await withAdaptedModel('generate', words.SOURCE, asked, context, async (model, tokenizer) => {
      progress.clear()
      const prompt = values.prompt ?? (await textOf(addAbortSignal(signal, process.stdin))).replace(/\r?\n$/, '')
      for await (const piece of generateText(model, tokenizer, prompt, options)) print(piece)
      print('\n')
    })
  },
}

interface SamplingWords {
  readonly temperature?: string | undefined
  readonly 'top-k'?: string | undefined
  readonly 'top-p'?: string | undefined
  readonly 'repetition-penalty'?: string | undefined
  readonly 'max-new-tokens'?: string | undefined
}

function samplingOf(words: SamplingWords) {
  const { temperature, 'top-k': topK, 'top-p': topP, 'repetition-penalty': penalty, 'max-new-tokens': most } = words
  const heat = temperature === undefined ? null : amount('temperature', temperature)
  const draws = heat === null ? (topK ?? topP) !== undefined : heat > 0
  return {
    ...((draws || heat !== null) && { doSample: draws }),
    ...(heat !== null && draws && { temperature: heat }),
    ...(topK !== undefined && { topK: whole('top-k', topK, 0) }),
    ...(topP !== undefined && { topP: amount('top-p', topP) }),
    ...(penalty !== undefined && { repetitionPenalty: amount('repetition-penalty', penalty) }),
    ...(most !== undefined && { maxNewTokens: whole('max-new-tokens', most) }),
  }
}
