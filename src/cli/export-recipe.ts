import { join, resolve } from 'node:path'
import { fileExists } from '#platform'
import { runStore } from '../io/runs/run-store.ts'
import { writeFolder } from '../io/sources/folder.ts'
import { Checkpoints } from '../trainer/checkpoints.ts'
import { exportRecipe } from '../trainer/recipe/export-recipe.ts'
import { check } from '../core/errors.ts'
import { type Command, oneOf, parseWords, whole } from './command.ts'
import { readRecipe, recipeFile, textOf } from './train/recipe.ts'
import { examplesFor } from './train/run-recipe.ts'

const help = `Writes a training for Python, to be gone on with over many GPUs by accelerate: train.py (PEFT, bitsandbytes and
transformers' Trainer), the adapter and the optimizer's state, and the same examples in the same order.

  peft-medaware export-recipe DIR OUT [options]

  --checkpoint STEP       the checkpoint to begin with            (the newest whole one)
  --processes N           processes to begin with, one a GPU      (1)
  --mixed-precision NAME  no or bf16: how the base is multiplied  (no)
  --cpu                   processes on CPUs in place of GPUs
  --help

DIR is the folder of a run, with its run.yaml; its rows are read again. OUT/README.md says how to go on.`

/** `peft-medaware export-recipe`. */
export const exportRecipeCommand: Command = {
  summary: 'write a training for Python, to go on over many GPUs',
  help,
  async run(args, context) {
    const { progress, print } = context
    const { values, words } = parseWords(args, ['DIR', 'OUT'], {
      checkpoint: { type: 'string' },
      processes: { type: 'string', default: '1' },
      'mixed-precision': { type: 'string', default: 'no' },
      cpu: { type: 'boolean', default: false },
    })
    const processes = whole('processes', values.processes)
    const mixedPrecision = oneOf('mixed-precision', values['mixed-precision'], ['no', 'bf16'])
    const step = values.checkpoint === undefined ? null : whole('checkpoint', values.checkpoint, 0)
    const recipe = await readRecipe(join(words.DIR, recipeFile), [], {})
    const checkpoint = await checkpointOf(words.DIR, step, progress.warn)
    const model = textOf(recipe, 'model')
    const files = await exportRecipe(checkpoint, await examplesFor(recipe, context), {
      ...{ processes, mixedPrecision, cpu: values.cpu, onWarning: progress.warn },
      // train.py may be started anywhere.
      model: (await fileExists(model)) ? resolve(model) : model,
    })
    await writeFolder(words.OUT, files)
    progress.clear()
    print(`${words.OUT} goes on from ${checkpoint.name}: accelerate launch --config_file accelerate.yaml train.py\n`)
  },
}

async function checkpointOf(path: string, step: number | null, warn: (message: string) => void) {
  const checkpoints = new Checkpoints(runStore('export-recipe', path))
  if (step === null) {
    const newest = await checkpoints.newest(warn)
    check(newest !== null, 'not-found', () => `export-recipe: ${path} has no whole checkpoint`)
    return newest.folder
  }
  const steps = await checkpoints.steps()
  check(steps.includes(step), 'not-found', () => {
    return `export-recipe: ${path} has no checkpoint of step ${step}; it has those of ${steps.join(', ')}`
  })
  return checkpoints.open(step)
}
