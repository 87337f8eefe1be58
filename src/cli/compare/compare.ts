import { type ContenderScore } from '../../compare/choices/choice-score.ts'
import { askQuestions } from '../../compare/choices/compare.ts'
import { comparisonOf } from '../../compare/choices/comparison.ts'
import { comparisonTable } from '../../compare/tables/comparison-table.ts'
import { textTable } from '../../compare/tables/text-table.ts'
import { askTexts, type TextScore, textComparisonOf } from '../../compare/texts/compare-texts.ts'
import type { TextQuestion } from '../../compare/texts/text-question.ts'
import type { Contender } from '../../compare/contenders/contender.ts'
import { taskNames } from '../../evaluate/tasks/tasks.ts'
import { type Command, type CommandContext, namesOf, parseWords, UsageError, whole } from '../command.ts'
import { engineFlags } from '../engine-words.ts'
import { questionsOf, rowsOf } from '../questions.ts'
import { AnswersFile } from './answers-file.ts'
import { askingLine } from './asking-line.ts'
import { readContenders, withContender } from './contender-words.ts'

const help = `Asks several models the same questions, and compares their answers: models of this machine, with or without an
adapter, and any endpoint that speaks OpenAI's protocol.

  peft-medaware compare [DATA] --tasks A,B CONTENDER CONTENDER… [options]
  peft-medaware compare DATA --texts CONTENDER CONTENDER… [options]

A CONTENDER is one of
  --model SOURCE[,name=N][,adapter=DIR][,quantize=NAME][,way=log-likelihood][,chat=no]
  --endpoint URL,model=NAME[,name=N][,api=completions][,key-env=VARIABLE][,input=PRICE,output=PRICE]
             [,concurrency=4][,timeout=600][,retries=5][,temperature=0]
URL goes as far as the version: https://example.org/v1. VARIABLE is that of the environment which holds the key; a key
itself is never given here. Prices are of a million tokens, in any one currency. A model writes an answer, which is
read by a rule that is printed; with way=log-likelihood it weighs the choices, as in evaluate --tasks. chat=no leaves
a chat template out, temperature=none sends no temperature.

  --tasks A,B           as in evaluate --tasks, with DATA or without
  --texts               DATA is rows of question and answer, or reference, with group, such as a disease, where known
  --num-fewshot N       solved examples before each question         (0)
  --examples FILE       questions to be shown solved, where DATA is a file
  --limit N             only the first questions of each task
  --max-tokens N        the longest answer                           (256)
  --instruction TEXT    before each question, {choices} for what may be answered; '' for nothing
  --prompt TEXT         with --texts: what is asked, {question} for the question
  --answers FILE        keeps each answer, a line of JSON; a later run asks only what is missing there
  --dtype NAME          of models: f32, f16 or bf16, of what is not quantised (f32)
  --device NAME         of models: auto, cpu or webgpu               (auto)
  --build NAME          of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --json                the numbers as JSON
  --help`

/** `peft-medaware compare`. */
export const compareCommand: Command = {
  summary: 'ask several models and endpoints the same questions',
  help,
  async run(args, context) {
    const { values, words } = parseWords(
      args,
      [],
      {
        model: { type: 'string', multiple: true, default: [] },
        endpoint: { type: 'string', multiple: true, default: [] },
        tasks: { type: 'string' },
        texts: { type: 'boolean', default: false },
        'num-fewshot': { type: 'string', default: '0' },
        examples: { type: 'string' },
        limit: { type: 'string' },
        'max-tokens': { type: 'string', default: '256' },
        instruction: { type: 'string' },
        prompt: { type: 'string' },
        answers: { type: 'string' },
        dtype: { type: 'string', default: 'f32' },
        ...engineFlags,
        json: { type: 'boolean', default: false },
      },
      ['DATA'],
    )
    const { tasks, texts, instruction, prompt } = values
    if ((tasks !== undefined) === texts) throw new UsageError('needs --tasks or --texts, and not both')
    if (texts && instruction !== undefined) throw new UsageError('--instruction goes with --tasks; give --prompt')
    if (!texts && prompt !== undefined) throw new UsageError('--prompt goes with --texts; give --instruction')
    const contenders = readContenders(values)
    const limit = values.limit === undefined ? Infinity : whole('limit', values.limit)
    const maxTokens = whole('max-tokens', values['max-tokens'])
    const kept = values.answers === undefined ? null : await AnswersFile.open(values.answers)
    const asking = {
      ...{ maxTokens, signal: context.signal, onProgress: askingLine(context.progress) },
      ...(kept !== null && { known: kept.known, onAnswer: kept.add }),
    }
    const each = <T>(ask: (contender: Contender) => Promise<T>) => askEach(contenders, context, ask)
    if (texts) {
      if (words.DATA === undefined) throw new UsageError('--texts needs DATA')
      const questions = (await rowsOf<Readonly<Record<string, unknown>>>(words.DATA)).slice(0, limit).map(textQuestion)
      const scores = await each(async (contender): Promise<TextScore> => {
        if (!('answer' in contender))
          throw new UsageError('way=log-likelihood writes no text; leave it out with --texts')
        return askTexts(contender, questions, { ...asking, ...(prompt !== undefined && { prompt }) })
      })
      const comparison = textComparisonOf(scores)
      context.print(values.json ? asJson([comparison]) : textTable(comparison))
      return
    }
    const names = [...new Set(namesOf(tasks).flatMap((name) => taskNames('compare', name)))]
    const numFewshot = whole('num-fewshot', values['num-fewshot'], 0)
    const given = { data: words.DATA, examples: values.examples }
    const sets = await questionsOf(names, given, context)
    const scores = await each(async (contender) => {
      const ofTasks: ContenderScore[] = []
      for (const [i, task] of names.entries()) {
        const { questions = [], examples = [] } = sets[i] ?? {}
        const benchmark = { task, questions: questions.slice(0, limit), examples }
        const more = { numFewshot, ...(instruction !== undefined && { instruction }) }
        ofTasks.push(await askQuestions(contender, benchmark, { ...asking, ...more }))
      }
      return ofTasks
    })
    const comparisons = names.map((_, i) => comparisonOf(scores.flatMap((ofTasks) => ofTasks[i] ?? [])))
    context.print(values.json ? asJson(comparisons) : comparisons.map(comparisonTable).join('\n'))
  },
}

/** One contender after another, so that just one model is in memory. */
async function askEach<T>(
  contenders: ReturnType<typeof readContenders>,
  context: CommandContext,
  ask: (contender: Contender) => Promise<T>,
): Promise<T[]> {
  const found: T[] = []
  for (const words of contenders) found.push(await withContender(words, context, ask))
  context.progress.clear()
  return found
}

/** A row of data, whose columns have the names of MedQuAD's too. */
function textQuestion(row: Readonly<Record<string, unknown>>): TextQuestion {
  const { id, question, reference = row['answer'], group = row['focus'], source } = row
  const given = { question, reference, ...(id != null && { id }), ...(group != null && { group }) }
  // `askTexts` reads each of them as what it should be.
  return { ...given, ...(source != null && { source }) } as TextQuestion
}

/** Without the answers themselves, which --answers keeps. */
function asJson(comparisons: readonly { readonly scores: readonly object[] }[]): string {
  const bare = comparisons.map((comparison) => ({
    ...comparison,
    scores: comparison.scores.map((score) => ({ ...score, documents: undefined })),
  }))
  return `${JSON.stringify(bare)}\n`
}
