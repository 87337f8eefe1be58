import { createInterface } from 'node:readline'
import { generateText } from '../generate/generate-text.ts'
import { modelFlags, readModelFlags, withAdaptedModel } from './adapted-model.ts'
import { amount, type Command, type CommandContext, parseWords, whole } from './command.ts'
import { promptOf, type Said } from './question-prompt.ts'

const help = `Answers what is typed, as it comes.

  peft-medaware chat SOURCE [options]

  --adapter DIR         an adapter for the model, a folder or a name on the Hub
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --max-new-tokens N    of an answer                                 (256)
  --temperature X       0 takes the likeliest token                  (as the model's generation_config.json says)
  --repetition-penalty X  above 1 makes tokens that were seen less likely
  --seed N              same seed, same questions, same answers      (0)
  --quantize NAME       load in nf4, fp4, int8, q8_0 or q4_0         (as it is)
  --dtype NAME          f32, f16 or bf16, of what is not quantised   (f32)
  --device NAME         auto, cpu or webgpu                          (auto)
  --build NAME          of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --help

A model with a chat template answers in conversation. Without one each line is a question by itself: "Question: …" and
"Answer:", as rows of question and answer are trained on.
Ctrl-C stops an answer, and between answers the program; an empty line or Ctrl-D ends it too.`

/** `peft-medaware chat`. */
export const chatCommand: Command = {
  summary: 'answer what is typed',
  help,
  async run(args, context) {
    const { values, words } = parseWords(args, ['SOURCE'], {
      'max-new-tokens': { type: 'string', default: '256' },
      temperature: { type: 'string' },
      'repetition-penalty': { type: 'string' },
      seed: { type: 'string', default: '0' },
      ...modelFlags,
    })
    const { temperature, 'repetition-penalty': penalty } = values
    const heat = temperature === undefined ? null : amount('temperature', temperature)
    const options = {
      maxNewTokens: whole('max-new-tokens', values['max-new-tokens']),
      seed: whole('seed', values.seed, 0),
      ...(heat !== null && (heat > 0 ? { doSample: true, temperature: heat } : { doSample: false })),
      ...(penalty !== undefined && { repetitionPenalty: amount('repetition-penalty', penalty) }),
    }
    const asked = readModelFlags(values)
    await withAdaptedModel('chat', words.SOURCE, asked, context, async (model, tokenizer) => {
      context.progress.clear()
      const messages: Said[] = []
      await converse(context, async function* (question, stop) {
        messages.push({ role: 'user', content: question })
        let text = ''
        try {
          for await (const piece of generateText(model, tokenizer, await promptOf(tokenizer, messages), {
            ...options,
            signal: stop,
          })) {
            text += piece
            yield piece
          }
        } finally {
          messages.push({ role: 'assistant', content: text })
        }
      })
    })
  },
}

/** Takes questions line by line, and prints an answer to each. Ctrl-C ends an answer, or the conversation. */
async function converse(
  { signal, onInterrupt, print }: CommandContext,
  answer: (question: string, stop: AbortSignal) => AsyncIterable<string>,
): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' })
  let answering: AbortController | null = null
  const interrupt = () => {
    if (answering === null) terminal.close()
    answering?.abort()
    return true
  }
  const forget = onInterrupt(interrupt)
  // On a terminal readline hears Ctrl-C itself.
  terminal.on('SIGINT', interrupt)
  try {
    terminal.prompt()
    for await (const line of terminal) {
      const question = line.trim()
      if (question === '' || signal.aborted) break
      answering = new AbortController()
      const stop = AbortSignal.any([signal, answering.signal])
      try {
        for await (const text of answer(question, stop)) print(text)
      } catch (error) {
        if (!answering.signal.aborted) throw error
      }
      answering = null
      print('\n\n')
      terminal.prompt()
    }
  } finally {
    forget()
    terminal.close()
  }
}
