import type { JsonObject } from '../../core/json.ts'
import { prepareExamples } from '../../data/prepare-examples.ts'
import { evaluateLoss } from '../../evaluate/loss.ts'
import { loadDataset } from '../../io/dataset/load-dataset.ts'
import { trainingArguments } from '../../train/arguments/training-arguments.ts'
import { modelFlags, readModelFlags, withAdaptedModel } from '../adapted-model.ts'
import { type Command, parseWords, UsageError, whole } from '../command.ts'
import { readRecipe } from '../train/recipe.ts'
import { evaluateTasks, taskFlags } from './evaluate-tasks.ts'

const help = `Measures how well a model predicts rows of text: loss, perplexity and bits per byte. With --tasks: how many
multiple-choice questions it answers, as lm-evaluation-harness counts.

  peft-medaware evaluate SOURCE DATA [options]
  peft-medaware evaluate SOURCE [DATA] --tasks A,B [options]

  --adapter DIR         an adapter for the model, a folder or a name on the Hub
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --max-length N        tokens of a row; what is beyond is cut off   (1024; with --tasks what the model reads)
  --batch N             rows of a forward pass                       (8; with --tasks 1)
  --tasks A,B           pubmedqa, medqa_4options, medmcqa, mmlu_anatomy, mmlu_clinical_knowledge, mmlu_college_biology,
                        mmlu_college_medicine, mmlu_medical_genetics, mmlu_professional_medicine, or multimedqa for
                        all nine; for questions of your own multiple_choice (answers by letter) and
                        multiple_choice_text (by their words)
  --num-fewshot N       solved examples before each question         (0)
  --examples FILE       questions to be shown solved, where DATA is a file
  --limit N             only the first questions of each task
  --results FILE        keeps each question's log-likelihoods; a later run with the same model goes on from there
  --set KEY=VALUE       how rows are read, by TRL's names, such as assistant_only_loss=true. As often as needed.
  --quantize NAME       load in nf4, fp4, int8, q8_0 or q4_0         (as it is)
  --dtype NAME          f32, f16 or bf16, of what is not quantised   (f32)
  --device NAME         auto, cpu or webgpu                          (auto)
  --build NAME          of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --json                the numbers as JSON, and the engine whose last bits they have
  --help

DATA is a .jsonl, .json, .csv, .tsv or .parquet with columns text, prompt and completion, question and answer, or
messages. Prompts are read and not counted. With --tasks it holds a line of JSON for each question, such as
{"question": "...", "context": "...", "options": ["...", "..."], "answer": 0}, or it is a folder with a TASK.jsonl for
each task, and a TASK.examples.jsonl where there are examples. Without DATA the questions are fetched from where they
were published, checked, and kept for the next time.`

/** `peft-medaware evaluate`. */
export const evaluateCommand: Command = {
  summary: 'measure how well a model predicts rows of text',
  help,
  async run(args, context) {
    const { signal, progress, print } = context
    const { values, words } = parseWords(
      args,
      ['SOURCE'],
      {
        'max-length': { type: 'string' },
        batch: { type: 'string' },
        set: { type: 'string', multiple: true, default: [] },
        ...modelFlags,
        ...taskFlags,
        json: { type: 'boolean', default: false },
      },
      ['DATA'],
    )
    const batchSize = whole('batch', values.batch ?? (values.tasks === undefined ? '8' : '1'))
    if (values.tasks !== undefined) {
      const maxLength = values['max-length'] === undefined ? undefined : whole('max-length', values['max-length'])
      await evaluateTasks(words, values, { batchSize, maxLength }, context)
      return
    }
    const { DATA: rows } = words
    if (rows === undefined) throw new UsageError('needs SOURCE DATA, or --tasks')
    const maxLength = whole('max-length', values['max-length'] ?? '1024', 2)
    const rowOptions = await readRowOptions(values.set)
    const asked = readModelFlags(values)
    const data = await loadDataset(rows)
    await withAdaptedModel('evaluate', words.SOURCE, asked, context, async (model, tokenizer) => {
      const told = { onProgress: progress.rows, onWarning: progress.warn }
      const { examples, report: rows } = await prepareExamples(tokenizer, data, {
        maxLength,
        ...rowOptions,
        signal,
        ...told,
      })
      const report = await evaluateLoss(model, examples, { batchSize, signal, onProgress: progress.measuring })
      progress.clear()
      const { loss, perplexity, bitsPerByte, tokenAccuracy, tokens } = report
      const bits = bitsPerByte === null ? '' : `, ${bitsPerByte.toFixed(4)} bits per byte`
      const hits = tokenAccuracy === null ? '' : `, token accuracy ${tokenAccuracy.toFixed(4)}`
      print(
        values.json
          ? `${JSON.stringify({ ...report, rows: rows.rows, engine: model.device.description })}\n`
          : `loss ${loss.toFixed(4)} nats a token, perplexity ${perplexity.toFixed(3)}${bits}${hits}; ${tokens} tokens of ${rows.rows} rows\n`,
      )
    })
  },
}

/** What of TRL's arguments is about rows. @throws UsageError for others. */
async function readRowOptions(sets: readonly string[]): Promise<JsonObject> {
  const { own, args } = await readRecipe(undefined, sets, {})
  const { run, trainer, data, dpo, passedOver } = trainingArguments(args)
  const [other] = [...Object.keys({ ...own, ...run, ...trainer, ...dpo }), ...passedOver.map(({ name }) => name)]
  if (other !== undefined) throw new UsageError(`evaluate: ${other} is not about how rows are read`)
  return data
}
