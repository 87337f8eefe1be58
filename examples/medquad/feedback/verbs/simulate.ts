import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { availableParallelism, cpus } from 'node:os'
import { join } from 'node:path'
import { ProgressLine } from 'peft-medaware'
import { deviceFlag, readFlags, text, whole } from '../../flags.ts'
import { Interrupts } from '../../interrupts.ts'
import { lockFolder } from '../../run-lock.ts'
import { openBase } from '../open-base.ts'
import { type ArmRecord, describeArm } from '../simulation/describe-simulation.ts'
import { arms, simulateSeed, type SimulationSettings } from '../simulation/run-simulation.ts'
import { simulationPlot } from '../simulation/simulation-plot.ts'
import { simulationTable } from '../simulation/simulation-table.ts'

const help = `Teaches a model facts about invented conditions, changes some of them in one round, and measures what was
learnt and what was forgotten, with replay and without. Goes on from where it was ended. Prints tables of Markdown.

  npm run medquad:feedback -- simulate [options]

  --model SOURCE  the base model                       (examples/medquad/base)
  --data PATH     MedQuAD, as for npm run medquad
  --seeds N       runs, each with facts of its own     (3)
  --changed N     facts that change                    (40)
  --kept N        facts that stay; half of them are among the corrections that may be replayed   (40)
  --passes N      over the corrections, in the round   (15)
  --teaching N    passes in which facts are taught     (30)
  --held-out N    questions of MedQuAD for the gate, and as many on guard   (96)
  --device WHICH  auto, cpu or webgpu                  (auto)
  --out DIR       where the parts, feedback.json and its plots go      (out/feedback-simulation)
  --help`

/** Runs the simulation. */
export async function simulate(args: readonly string[]): Promise<void> {
  const flags = readFlags(
    args,
    {
      ...{ model: text(undefined), data: text(undefined), device: deviceFlag, out: text('out/feedback-simulation') },
      ...{ seeds: whole(3), changed: whole(40), kept: whole(40, 0), passes: whole(15), teaching: whole(30) },
      'held-out': whole(96),
    },
    help,
  )
  const interrupts = new Interrupts()
  await lockFolder(flags.out)
  const line = new ProgressLine(process.stderr)
  const say = (words: string) => {
    line.clear()
    console.error(words)
  }
  const settings: SimulationSettings = {
    ...{ changed: flags.changed, stored: Math.ceil(flags.kept / 2), elsewhere: Math.floor(flags.kept / 2) },
    teaching: { passes: flags.teaching, general: 0.5, earlier: 0, learningRate: 4e-3 },
    round: { passes: flags.passes, learningRate: 2e-3 },
    ...{ batchSize: 8, maxLength: 64, heldOut: flags['held-out'] },
    adapter: { peftType: 'LORA', r: 16, loraAlpha: 32, loraDropout: 0.05, targetModules: 'all-linear' },
  }
  const base = await openBase({ ...flags, line, warn: say })
  const made = {
    // Where things are on this machine says nothing of the figures.
    told: { changed: flags.changed, kept: flags.kept, passes: flags.passes, teaching: flags.teaching },
    ...{ commit: commit(), node: process.version, device: base.device.description },
    machine: `${availableParallelism()} cores of ${cpus()[0]?.model ?? 'an unknown CPU'}`,
    ...{ settings, seeds: flags.seeds },
  }
  interrupts.putOff()
  const place = { ...base, folder: flags.out, line, signal: interrupts.signal, say }
  const records: ArmRecord[] = []
  try {
    for (let seed = 0; seed < flags.seeds; seed++) records.push(...(await simulateSeed(place, settings, seed)))
  } catch (error) {
    if (!interrupts.isReason(error)) throw error
    interrupts.letThrough('what is done is kept; the same command goes on')
  }
  const figures = Object.fromEntries(
    Object.keys(arms).map((arm) => [arm, describeArm(records.filter((record) => record.arm === arm))]),
  )
  await writeFile(join(flags.out, 'feedback.json'), `${JSON.stringify({ ...made, figures, records })}\n`)
  await writeFile(join(flags.out, 'feedback.svg'), simulationPlot(figures, 'light'))
  await writeFile(join(flags.out, 'feedback-dark.svg'), simulationPlot(figures, 'dark'))
  line.clear()
  console.log(simulationTable(figures))
  base.device.dispose()
}

function commit(): string {
  return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
}
