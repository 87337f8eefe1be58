import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type CpuOptions, MedAwareError } from 'peft-medaware'
import { adapterChoice } from './adapter-choice.ts'
import { baseNames, baseOf } from './bases.ts'
import { buildFlag, deviceFlag, number, readFlags, text, there, whole } from './flags.ts'

const help = `Fine-tunes a 4-bit model on MedQuAD's medical questions and answers with QLoRA.

  npm run medquad -- [options]

  --model SOURCE        ${baseNames.join(', ')}, or a model that the library loads: a folder in Hugging Face's
                        format, a .gguf file, or owner/name[@revision] on the Hub; one with a chat template is asked
                        and tuned in conversation   (default: the small Falcon of examples/medquad/base)
  --data DIR|FILE       MedQuAD as XML or .tar.gz, or pairs as .jsonl, .csv, .tsv or .parquet
                        (default: MedQuAD, downloaded once; the recipe's own sample where that cannot be)
  --paper               the 16,407 pairs of the paper instead of all 16,423
  --device WHICH        auto, cpu or webgpu                 (auto)
  --threads N           of the CPU engine                   (all cores)
  --build NAME          of the CPU engine: simd, relaxed, wide or fastest, which tries wide   (fastest)
  --adapter JSON|FILE   another adapter than the paper's LoRA, such as '{"peft_type": "IA3"}' or an adapter_config.json
  --targets NAMES       modules to adapt, with commas between, or all-linear   (as the paper does, and PEFT for its
                        kind of model: query_key_value, or q_proj and v_proj; or what --adapter says)
  --epochs X            passes over the training pairs      (as many as 600 steps are, 10 at most)
  --steps N             optimiser steps, instead of epochs
  --patience N          validations without a fall of the loss before it stops; 0 for never   (4)
  --batch N             questions of a forward pass         (4)
  --accumulate N        forward passes of a step            (4)
  --lr X                peak learning rate                  (4e-3; 5e-4 for another model than the small Falcon)
  --max-length N        tokens of a question and answer     (256; 128)
  --eval N              held-out questions to measure on    (96; 200)
  --gradient-checkpointing   less memory and more time for the same result
  --seed N              (42)
  --save-steps N        steps between two checkpoints in --out    (50)
  --profile             time, calls and speed of each kernel of the training
  --out DIR             where the results go                (out/medquad)
  --resume              go on from the checkpoint in --out
  --help

Ctrl-C saves a checkpoint as well. The result is a demonstration, and no medical advice.`

const flags = {
  model: text(undefined),
  data: text(undefined),
  paper: there,
  device: deviceFlag,
  threads: whole(undefined),
  build: buildFlag,
  adapter: text(undefined),
  targets: text(undefined),
  epochs: number(undefined),
  steps: whole(undefined),
  patience: whole(4, 0),
  batch: whole(4),
  accumulate: whole(4),
  lr: number(undefined),
  'max-length': whole(undefined, 2),
  eval: whole(undefined),
  'gradient-checkpointing': there,
  seed: whole(42, 0),
  'save-steps': whole(50),
  profile: there,
  out: text('out/medquad'),
  resume: there,
}

/** What the recipe was asked for. */
export type Options = ReturnType<typeof parseOptions>

/** Reads the command line; prints the help and leaves on --help, and says what is wrong on a bad flag. */
export function parseOptions(args: readonly string[]) {
  const values = readFlags(args, flags, help)
  const { profile, targets } = values
  const names = targets?.split(',').map((name) => name.trim())
  const adapter = adapterChoice(values.adapter, targets === 'all-linear' ? targets : names)
  const base = baseOf(values.model)
  const { lr = base.learningRate, 'max-length': maxLength = base.maxLength, eval: heldOut = base.heldOut } = values
  const suiting = { base, lr, 'max-length': maxLength, eval: heldOut }
  return { ...values, ...suiting, adapter, cpu: { profile, ...cpuOptions(values) }, webgpu: { profile } }
}

/** What --threads and --build ask of the CPU engine. */
export function cpuOptions({
  threads,
  build,
}: {
  readonly threads: number | undefined
  readonly build: NonNullable<CpuOptions['build']>
}): CpuOptions {
  return { build, ...(threads !== undefined && { threads }) }
}

/** Optimiser steps of one pass over so many examples. */
export function perEpochOf(examples: number, { batch, accumulate }: Pick<Options, 'batch' | 'accumulate'>): number {
  return Math.ceil(Math.ceil(examples / batch) / accumulate)
}

/** The checkpoints in a run's folder. */
export function checkpointsIn(folder: string): string[] {
  const names = existsSync(folder) ? readdirSync(folder) : []
  return names.filter((name) => name.startsWith('checkpoint-')).map((name) => join(folder, name))
}

/**
 * Refuses to begin a run over the checkpoints of another, and to go on where there are none.
 * @throws MedAwareError `config`.
 */
export function checkFolder(folder: string, isResumed: boolean): void {
  if (checkpointsIn(folder).length > 0 === isResumed) return
  const remedy = isResumed ? 'leave --resume out' : 'give --resume to go on with it, another --out, or remove it'
  const what = isResumed ? 'no checkpoint to go on from' : 'a run that has not ended, and would be lost'
  throw new MedAwareError('config', `${folder} holds ${what}; ${remedy}`)
}

/**
 * Optimiser steps for so many examples: those asked for, or the epochs asked for, or 600, which small data is given in
 * at most ten passes, since it would be learned by heart.
 */
export function stepsFor(examples: number, { steps, epochs, batch, accumulate }: Options): number {
  const perEpoch = perEpochOf(examples, { batch, accumulate })
  if (steps !== undefined) return steps
  return epochs === undefined ? Math.min(600, 10 * perEpoch) : Math.max(1, Math.round(epochs * perEpoch))
}
