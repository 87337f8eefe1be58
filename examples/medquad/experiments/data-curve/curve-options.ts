import { adapterChoice } from '../../adapter-choice.ts'
import { baseOf } from '../../bases.ts'
import { buildFlag, deviceFlag, type Flag, number, readFlags, text, there, whole } from '../../flags.ts'
import { cpuOptions } from '../../options.ts'
import type { CurveSettings } from './records.ts'

const help = `Measures how quality grows with data: trains an adapter on ever more pairs of MedQuAD, drawn by whole diseases,
measures each on diseases that none has seen, fits a curve, and draws it.

  npm run medquad:data-curve -- [options]

  --model SOURCE    as for npm run medquad                (the small Falcon)
  --data PATH       MedQuAD, as for npm run medquad
  --adapter JSON    as for npm run medquad                (the paper's LoRA)
  --sizes N,N       pairs to train on                     (100,250,500,1000,2000,4000,8000,16000)
  --only N,N        of these sizes, those to train now     (all)
  --seeds N,N       of draws, starts and orders           (0,1,2)
  --measured N      pairs kept to measure on, at most     (300)
  --validation N    pairs kept to stop by, at most        (75)
  --fixed-steps N   after which every size is measured    (200)
  --passes X        over the pairs, but no fewer than the fixed steps    (1)
  --patience N      validations without a fall of the loss before it stops, past the fixed steps   (8)
  --validate-every N    steps                             (40)
  --batch N         questions of a step                   (8)
  --lr X            peak learning rate                    (as for npm run medquad)
  --max-length N    tokens of a question and answer       (64)
  --answers N       questions answered at the smallest, the middle and the largest size   (24)
  --device WHICH    auto, cpu or webgpu                   (auto)
  --threads N, --build NAME    of the CPU engine, as for npm run medquad
  --largest-first   begin with the largest sizes
  --out DIR         points, one file each                 (out/data-curve)
  --record FILE     what the curve is drawn from          (the record.json of --out)
  --draw            train nothing: draw the record
  --page FILE       a page of Markdown that gets the tables, instead of printing them
  --help

Points that --out has are not trained again, and Ctrl-C saves a checkpoint, so the same command goes on. Several
processes may share --out: each trains points that no other is at.`

/** Whole numbers with commas between. */
const list = <T extends readonly number[] | undefined>(otherwise: T, least: number): Flag<readonly number[] | T> => ({
  otherwise,
  expects: `different whole numbers from ${least}, with commas between`,
  read(given) {
    const values = given.split(',').map((word) => whole(undefined, least).read(word))
    const numbers = values.filter((value) => value !== undefined)
    return numbers.length === values.length && new Set(numbers).size === numbers.length ? numbers : undefined
  },
})

const flags = {
  ...{ model: text(undefined), data: text(undefined), adapter: text(undefined) },
  sizes: list([100, 250, 500, 1000, 2000, 4000, 8000, 16_000], 1),
  seeds: list([0, 1, 2], 0),
  only: list(undefined, 1),
  ...{ measured: whole(300), validation: whole(75), 'fixed-steps': whole(200), passes: number(1) },
  ...{ patience: whole(8), 'validate-every': whole(40), batch: whole(8), lr: number(undefined) },
  ...{ 'max-length': whole(64, 2), answers: whole(24, 0) },
  ...{ device: deviceFlag, threads: whole(undefined), build: buildFlag, 'largest-first': there },
  ...{ out: text('out/data-curve'), record: text(undefined), draw: there, page: text(undefined) },
}

/** What the curve was asked for. */
export type CurveOptions = ReturnType<typeof parseCurveOptions>

/** Reads the command line; prints the help and leaves on --help, and says what is wrong on a bad flag. */
export function parseCurveOptions(args: readonly string[]) {
  const values = readFlags(args, flags, help)
  const base = baseOf(values.model)
  const adapter = adapterChoice(values.adapter, undefined)
  const settings: CurveSettings = {
    base: values.model ?? 'small Falcon',
    sizes: [...values.sizes].sort((a, b) => a - b),
    ...{ measured: values.measured, validation: values.validation, adapter, maxLength: values['max-length'] },
    ...{ batch: values.batch, learningRate: values.lr ?? base.learningRate, fixedSteps: values['fixed-steps'] },
    ...{ passes: values.passes, patience: values.patience, validateEvery: values['validate-every'] },
    ...{ answers: values.answers, answerTokens: Math.min(base.answerTokens, values['max-length']) },
  }
  return { ...values, record: values.record ?? `${values.out}/record.json`, base, settings, cpu: cpuOptions(values) }
}
