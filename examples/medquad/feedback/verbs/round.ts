import { ProgressLine } from 'peft-medaware'
import { baseOf } from '../../bases.ts'
import { number, readFlags, text, whole } from '../../flags.ts'
import { Interrupts } from '../../interrupts.ts'
import { describeRound } from '../describe-versions.ts'
import { openBase } from '../open-base.ts'
import { runRound } from '../round/run-round.ts'
import { modelFlags, modelHelp, openStore } from '../session.ts'

const help = `Learns what was corrected and preferred since the active version, and keeps the result where the held-out
questions and those on guard did not get worse. Goes on with a round that was ended.

  npm run medquad:feedback -- round [options]

${modelHelp}
  --data PATH     MedQuAD, as for npm run medquad
  --passes N      over the corrections                 (10)
  --replay X      pairs of MedQuAD for each correction (1)
  --recall X      earlier corrections for each correction   (1)
  --lr X          peak learning rate of corrections    (a quarter of the recipe's)
  --dpo-lr X      of preferences                       (a fortieth of the recipe's)
  --dpo-passes N  over the preferences                 (3)
  --beta X        how much preferences are held to the model before   (0.1)
  --batch N       questions of a step                  (4)
  --max-length N  tokens of a question and answer      (as the recipe)
  --held-out N    questions that the gate asks         (96; 200)
  --guard N       questions set aside for good by the first round   (96)
  --seed N        (0)
  --help

Ctrl-C saves a checkpoint; the same command goes on. A demonstration, and no medical advice.`

/** Runs a round. */
export async function round(args: readonly string[]): Promise<void> {
  const flags = readFlags(
    args,
    {
      ...modelFlags,
      ...{ data: text(undefined), passes: whole(10), lr: number(undefined), beta: number(0.1), batch: whole(4) },
      ...{
        replay: number(1, { from0: true }),
        recall: number(1, { from0: true }),
        seed: whole(0, 0),
        guard: whole(96),
      },
      ...{ 'dpo-lr': number(undefined), 'dpo-passes': whole(3) },
      ...{ 'max-length': whole(undefined, 2), 'held-out': whole(undefined) },
    },
    help,
  )
  const line = new ProgressLine(process.stderr)
  const interrupts = new Interrupts()
  const say = (name: string, words: string) => {
    line.clear()
    console.log(`${name.padEnd(11)}${words}`)
  }
  const store = await openStore(flags)
  const suiting = baseOf(store.versions.fact('model') ?? undefined)
  const settings = {
    mix: { passes: flags.passes, general: flags.replay, earlier: flags.recall },
    learningRate: flags.lr ?? suiting.learningRate / 4,
    dpoLearningRate: flags['dpo-lr'] ?? suiting.learningRate / 40,
    ...{ dpoPasses: flags['dpo-passes'], beta: flags.beta, batchSize: flags.batch, seed: flags.seed },
    ...{ maxLength: flags['max-length'] ?? suiting.maxLength, heldOut: flags['held-out'] ?? suiting.heldOut },
    guard: flags.guard,
  }
  const opened = await openBase({
    ...{ model: suiting.source, device: flags.device, data: flags.data, line },
    warn: (words) => say('WARNING', words),
  })
  interrupts.putOff()
  try {
    const outcome = await runRound({ ...opened, store, line, say, signal: interrupts.signal }, settings)
    if (outcome === null) say('round', 'there is nothing new to learn; correct answers, or say which are better')
    else console.log(describeRound(store, outcome.id))
  } catch (error) {
    if (!interrupts.isReason(error)) throw error
    store.close()
    interrupts.letThrough('the round is saved as far as it came; the same command goes on')
  }
  store.close()
  opened.device.dispose()
}
