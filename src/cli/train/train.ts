import { join } from 'node:path'
import { writeFileAtomic } from '#platform'
import { CpuDevice } from '../../device/cpu/cpu-device.ts'
import type { Device } from '../../device/device.ts'
import type { TrainerCallback } from '../../trainer/trainer-callback.ts'
import { type Command, type CommandContext, namesOf, parseWords } from '../command.ts'
import { Dashboard } from './dashboard/dashboard.ts'
import { canDraw } from './dashboard/surroundings.ts'
import { plainDisplay, quietDisplay } from './plain-display.ts'
import { readRecipe, type Recipe, recipeFile, recipeText } from './recipe.ts'
import { openFor, outputOf, runRecipe } from './run-recipe.ts'
import { commandLine, RunSummary } from './run-summary.ts'
import type { TrainingDisplay } from './training-display.ts'

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
  --build NAME      of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --json            a line of JSON for each step and evaluation on stdout
  --plain           lines in the place of the dashboard
  --quiet           no progress
  --help

On a terminal a dashboard shows the curve of the loss, evaluations, speed and memory, and listens to keys: s saves, e
measures, p pauses, q stops and saves, ? tells more. Elsewhere, where CI is set, and with --plain there are lines.
NO_COLOR and FORCE_COLOR are heeded.
An adapter is PEFT's LoRA with r=16, alpha=32 on all projections at a rate of 2e-4, unless the recipe's adapter (PEFT's
config) and learning_rate say otherwise; with trainer: dpo (--set trainer=dpo) at 5e-6. DIR/run.yaml holds the whole
recipe, with the build that was taken. Ctrl-C saves a checkpoint; peft-medaware resume DIR goes on.`

const outputWords = {
  json: { type: 'boolean', default: false },
  plain: { type: 'boolean', default: false },
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
      build: { type: 'string' },
      ...outputWords,
    })
    const { model, data, 'eval-data': eval_data, out: output_dir, quantize, device, build } = values
    const flags = { model, data, eval_data, output_dir, quantize, device, build }
    const recipe = await readRecipe(values.config, values.set, flags)
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
  --plain           lines in the place of the dashboard
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
  readonly plain: boolean
  readonly resume: boolean
  readonly acceptDifferences: readonly string[]
}

async function trainAs(recipe: Recipe, context: CommandContext, words: TrainWords): Promise<void> {
  const { print, signal } = context
  const out = outputOf(recipe)
  const display = displayFor(recipe, context, words)
  let device: Device | null = null
  let saved = 0
  const keeping: TrainerCallback = {
    name: 'recipe',
    onTrainBegin: () => writeFileAtomic(join(out, recipeFile), recipeText(withBuild(recipe, device))),
    onSave: (step) => {
      saved = step
    },
  }
  try {
    const opened = await openFor(recipe)
    device = opened.device
    display.opened(device, opened.reason)
    const summary = new RunSummary(recipe, out)
    const lines = words.json ? [jsonLines(print)] : []
    const callbacks = [keeping, display.callback, summary.callback, ...lines]
    const result = await runRecipe(recipe, device, { signal, progress: display }, { ...words, callbacks })
    display.close('done')
    print(words.json ? `${JSON.stringify(result)}\n` : await summary.describe(result))
  } catch (error) {
    display.close(signal.aborted ? 'stopped' : 'failed')
    if (saved > 0) {
      context.progress.say(`saved at step ${saved}; go on with: ${commandLine(['resume', out])}`)
    }
    throw error
  } finally {
    device?.dispose()
  }
}

/** The recipe with the build that was taken, so that the run goes on with it anywhere, bit for bit. */
function withBuild(recipe: Recipe, device: Device | null): Recipe {
  return device instanceof CpuDevice ? { ...recipe, own: { ...recipe.own, build: device.build } } : recipe
}

/** A dashboard where there is a terminal for it, else lines. */
function displayFor(recipe: Recipe, { progress, signal }: CommandContext, words: TrainWords): TrainingDisplay {
  if (words.quiet) return quietDisplay(progress)
  const { stdin, stdout, stderr, env } = process
  if (words.plain || !canDraw({ stdout, stderr }, env, words.json)) return plainDisplay(progress)
  const { model } = recipe.own
  const names = {
    command: words.resume ? 'resume' : 'train',
    ...{ model: typeof model === 'string' ? model : '', out: outputOf(recipe) },
  }
  return new Dashboard(names, { output: stderr, input: stdin.isTTY ? stdin : null }, signal)
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
