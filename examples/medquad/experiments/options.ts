import { baseOf } from '../bases.ts'
import { buildFlag, deviceFlag, type Flag, oneOf, readFlags, text, there, whole } from '../flags.ts'
import { cpuOptions } from '../options.ts'
import { experiments } from './arms.ts'

const help = `Runs the paper's three experiments on MedQuAD: baselines beside LoRA, kinds of adapters, and bits of the base.

  npm run medquad:experiments -- [options]

  --experiment NAME   ${experiments.join(', ')} or all    (all)
  --model SOURCE      small, or as for npm run medquad     (small)
  --seeds N,N         of starts and orders                 (1,2,3)
  --data PATH         MedQuAD, as for npm run medquad
  --steps N           of an arm                            (150)
  --batch N           questions of a step                  (8)
  --max-length N      tokens of a question and answer      (64)
  --pairs N           to train on, drawn from all           (2000)
  --measured N        held-out questions                   (200)
  --answers N         of them answered as well             (12)
  --trial-steps N     of the search for learning rates     (40)
  --validation N      questions that rates are chosen by   (60)
  --only WHAT         timings or rates, and no arms; or gather: run nothing, record what --out has
  --last-first        begin with the last kinds and arms, so that a second process meets the first
  --device WHICH      auto, cpu or webgpu                  (cpu)
  --threads N, --build NAME    of the CPU engine, as for npm run medquad   (1 thread)
  --out DIR           records, one file each               (out/experiments/MODEL)
  --record FILE       all of them together                 (OUT/record.json)
  --report            run nothing: draw docs/results/experiments/*.json, and make the tables of docs/results/experiments.md anew
  --help

What is recorded is not run again, and Ctrl-C saves a checkpoint, so the same command goes on. Several processes may
share --out: each runs what no other is at.`

/** Whole numbers with commas between. */
const seeds: Flag<readonly number[]> = {
  otherwise: [1, 2, 3],
  expects: 'different whole numbers with commas between',
  read(given) {
    const words = given.split(',')
    const values = words.flatMap((word) => whole(undefined, 0).read(word) ?? [])
    return values.length === words.length && new Set(values).size === values.length ? values : undefined
  },
}

const flags = {
  ...{ experiment: oneOf([...experiments, 'all'], 'all'), model: text('small'), seeds, data: text(undefined) },
  ...{
    steps: whole(150),
    batch: whole(8),
    'max-length': whole(64, 2),
    pairs: whole(2000),
    measured: whole(200),
    answers: whole(12, 0),
  },
  ...{ 'trial-steps': whole(40), validation: whole(60), only: oneOf(['timings', 'rates', 'gather'], undefined) },
  ...{ device: { ...deviceFlag, otherwise: 'cpu' as const }, threads: whole(1), build: buildFlag, 'last-first': there },
  ...{ out: text(undefined), record: text(undefined), report: there },
}

/** What the experiments were asked for. */
export type ExperimentOptions = ReturnType<typeof parseExperimentOptions>

/** Reads the command line; prints the help and leaves on --help, and says what is wrong on a bad flag. */
export function parseExperimentOptions(args: readonly string[]) {
  const values = readFlags(args, flags, help)
  const { model } = values
  const base = baseOf(model === 'small' ? undefined : model)
  const out = values.out ?? `out/experiments/${model.replace(/[^\w.-]+/g, '-')}`
  return { ...values, base, out, record: values.record ?? `${out}/record.json`, cpu: cpuOptions(values) }
}
