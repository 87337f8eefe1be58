import { join } from 'node:path'
import { writeFileAtomic } from '#platform'
import { describeMetrics } from '../../trainer/progress/training-line.ts'
import type { TrainResult } from '../../trainer/trainer.ts'
import type { TrainerCallback } from '../../trainer/trainer-callback.ts'
import { type Command, type CommandContext, namesOf, parseWords } from '../command.ts'
import { readRecipe, type Recipe, recipeFile, recipeText } from './recipe.ts'
import { openFor, outputOf, runRecipe } from './run-recipe.ts'

const help = `Fine-tunes a model on rows of text, and saves a PEFT adapter.

  peft-medaware train --model SOURCE --data FILE --out DIR [options]
  peft-medaware train --config run.yaml [options]

  --config FILE     a recipe in YAML: the keys below, and the arguments of transformers' TrainingArguments and TRL's
                    SFTConfig or DPOConfig by their names, such as num_train_epochs or learning_rate
  --set KEY=VALUE   one argument more, or another than the recipe's; adapter.r=8 leads into a table. As often as needed.
  --model SOURCE    a folder in Hugging Face's format, owner/name[@revision] on its Hub, or a .gguf
  --data FILE       rows as .jsonl, .json, .csv, .tsv or .parquet, with columns text, prompt and completion,
                    question and answer, or messages; with trainer: dpo prompt, chosen and rejected
  --eval-data FILE  held-out rows to measure on; eval_fraction: 0.1 holds out some of data instead, split_by names the
                    column whose rows stay on one side
  --out DIR         checkpoints, logs and the adapter (output_dir)
  --quantize NAME   nf4, fp4, int8 or none                 (nf4; of a .gguf the blocks it has)
  --device NAME     auto, cpu or webgpu                    (auto)
  --json            a line of JSON for each step and evaluation on stdout
  --quiet           no progress
  --help

An adapter is PEFT's LoRA with r=16, alpha=32 on all projections at a rate of 2e-4, unless the recipe's adapter (PEFT's
config) and learning_rate say otherwise; with trainer: dpo (--set trainer=dpo) at 5e-6. DIR/run.yaml holds the whole recipe. Ctrl-C saves a checkpoint;
peft-medaware resume DIR goes on.`

const outputWords = {
  json: { type: 'boolean', default: false },
  quiet: { type: 'boolean', default: false },
} as const

/** `peft-medaware train`. */
export const trainCommand: Command = {
  summary: 'fine-tune a model on rows of text',
  help,
  async run(args, context) {
    const { values } = parseWords(args, [], {
      config: { type: 'string' },
      set: { type: 'string', multiple: true, default: [] },
      model: { type: 'string' },
      data: { type: 'string' },
      'eval-data': { type: 'string' },
      out: { type: 'string' },
      quantize: { type: 'string' },
      device: { type: 'string' },
      ...outputWords,
    })
    const { model, data, 'eval-data': eval_data, out: output_dir, quantize, device } = values
    const recipe = await readRecipe(values.config, values.set, { model, data, eval_data, output_dir, quantize, device })
    await trainAs(recipe, context, { ...values, resume: false, acceptDifferences: [] })
  },
}

/** `peft-medaware resume`. */
export const resumeCommand: Command = {
  summary: 'go on with a training that was stopped',
  help: `Goes on with a training from its newest whole checkpoint, bit for bit as if it had not stopped.

  peft-medaware resume DIR [options]

  --set KEY=VALUE   what changes how it is done, and not what is learned, such as save_steps or report_to
  --accept A,B      what may differ from the saved run nevertheless, by the names that an error gives: with --set
                    max_steps=900 --accept steps it goes on to more steps than it was to have
  --json            a line of JSON for each step and evaluation on stdout
  --quiet           no progress
  --help

DIR is the folder of the run, with its run.yaml.`,
  async run(args, context) {
    const { values, words } = parseWords(args, ['DIR'], {
      set: { type: 'string', multiple: true, default: [] },
      accept: { type: 'string' },
      ...outputWords,
    })
    const recipe = await readRecipe(join(words.DIR, recipeFile), values.set, { output_dir: words.DIR })
    await trainAs(recipe, context, { ...values, resume: true, acceptDifferences: namesOf(values.accept) })
  },
}

interface TrainWords {
  readonly json: boolean
  readonly quiet: boolean
  readonly resume: boolean
  readonly acceptDifferences: readonly string[]
}

async function trainAs(recipe: Recipe, context: CommandContext, words: TrainWords): Promise<void> {
  const { progress, print, signal } = context
  const out = outputOf(recipe)
  const { device, reason } = await openFor(recipe)
  let step = 0
  try {
    if (!words.quiet) progress.say(`${device.description}: ${reason}`)
    const saved: TrainerCallback = {
      name: 'recipe',
      onTrainBegin: () => writeFileAtomic(join(out, recipeFile), recipeText(recipe)),
      onSave: (at) => {
        step = at
      },
    }
    const shown = words.quiet ? [] : [progress.training]
    const lines = words.json ? [jsonLines(print)] : []
    const callbacks = [saved, ...shown, ...lines]
    const result = await runRecipe(recipe, device, context, { ...words, callbacks })
    progress.clear()
    print(words.json ? `${JSON.stringify(result)}\n` : `${describeResult(result)}\n${out} has the adapter\n`)
  } catch (error) {
    progress.clear()
    if (signal.aborted && step > 0) progress.say(`saved at step ${step}; go on with: peft-medaware resume ${out}`)
    throw error
  } finally {
    device.dispose()
  }
}

function jsonLines(print: (text: string) => void): TrainerCallback {
  return {
    name: 'json',
    onStepEnd: (report) => {
      print(`${JSON.stringify(report)}\n`)
    },
    onEvaluate: (entry) => {
      print(`${JSON.stringify(entry)}\n`)
    },
  }
}

function describeResult({ step, steps, trainLoss, metrics, best, isStopped }: TrainResult): string {
  const end = isStopped ? `stopped early at step ${step} of ${steps}` : `${steps} steps`
  const measured = metrics === null ? '' : `; ${describeMetrics(metrics)}`
  const of = best?.isLoaded === true ? ` of the best step, ${best.step}` : ''
  return `${end}, training loss ${trainLoss.toFixed(4)}${measured}${of}`
}
