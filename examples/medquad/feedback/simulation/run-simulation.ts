import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  attachAdapter,
  type Device,
  type GivenConfig,
  openAdapter,
  type PretrainedLm,
  type ProgressLine,
  Random,
  type TextTokenizer,
  writeFolder,
} from 'peft-medaware'
import type { LoadedMedquad } from '../../data/load-medquad.ts'
import { dialogueOf } from '../../dialogue.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { heldOutOf } from '../../held-out.ts'
import { digestOf } from '../../records.ts'
import { composeRound, type Pair, type RoundMix } from '../round/compose-round.ts'
import { gate, type GateLosses, meanLoss } from '../round/gate.ts'
import { measureGate } from '../round/measure-round.ts'
import { removeCheckpoints, trainPairs } from '../round/train-pairs.ts'
import { type ArmRecord, type FactRecord, type Role } from './describe-simulation.ts'
import { type Fact, inventFacts } from './facts.ts'
import { type Knowledge, measureFacts } from './measure-facts.ts'

/** What the simulation is told. */
export interface SimulationSettings {
  /** Facts that change, that stay and are among the earlier corrections, and that stay and are not. */
  readonly changed: number
  readonly stored: number
  readonly elsewhere: number
  /** How facts are taught first. */
  readonly teaching: RoundMix & { readonly learningRate: number }
  /** How the round trains, whatever its replay. */
  readonly round: { readonly passes: number; readonly learningRate: number }
  readonly batchSize: number
  readonly maxLength: number
  /** Questions of MedQuAD that are held out, and as many on guard. */
  readonly heldOut: number
  readonly adapter: GivenConfig<'LORA'>
}

/** Arms, by what is replayed for each correction of a pass. */
export const arms: Readonly<Record<string, Pick<RoundMix, 'general' | 'earlier'>>> = {
  none: { general: 0, earlier: 0 },
  medquad: { general: 1, earlier: 0 },
  replay: { general: 1, earlier: 1 },
}

/** What a simulation works on. */
export interface SimulationPlace {
  readonly device: Device
  readonly model: PretrainedLm
  readonly tokenizer: TextTokenizer
  readonly data: LoadedMedquad
  /** Where its parts are kept, so that it goes on after an end. */
  readonly folder: string
  readonly line: ProgressLine
  readonly signal: AbortSignal
  readonly say: (text: string) => void
}

interface Before {
  /** After the teaching. */
  readonly taught: GateLosses
  readonly known: readonly Knowledge[]
}

/** Teaches facts to a model, changes some of them in a round for each arm, and measures; parts that are there stay. */
export async function simulateSeed(
  place: SimulationPlace,
  settings: SimulationSettings,
  seed: number,
): Promise<ArmRecord[]> {
  const { device, model, tokenizer, data, line, signal } = place
  const dialogue = dialogueOf(tokenizer)
  const facts = inventFacts(settings.changed + settings.stored + settings.elsewhere, seed)
  const general = new Random(seed).shuffle([...data.train])
  const half = Math.floor(general.length / 2)
  const some = (pairs: readonly MedquadPair[]) => {
    return heldOutOf(dialogue, new Random(seed).shuffle([...pairs]), settings.heldOut, settings.maxLength)
  }
  const questions = { heldOut: await some(data.test), guard: await some(data.validation) }
  const measureLosses = () => measureGate(place, questions)
  // Parts are of these settings, questions and model alone: it finds the questions as likely, to the last bit.
  const base = meanLoss((await measureGate(place, { ...questions, guard: [] })).heldOut)
  const asked = questions.heldOut.map(({ pair }) => pair.id)
  const made = digestOf(JSON.stringify([settings, device.description, base, asked, general.map(({ id }) => id)]))
  const folder = join(place.folder, `seed-${seed}-${made}`)
  const measureKnowledge = () => {
    return measureFacts(model, tokenizer, dialogue, facts, (done, total) => {
      signal.throwIfAborted()
      line.status('facts', () => `asking for facts ${done} of ${total}`)
    })
  }
  const train = async (pairs: readonly Pair[], to: string, learningRate: number) => {
    const began = performance.now()
    const { steps } = await trainPairs(model, await dialogue.examplesOf(pairs, settings.maxLength), {
      ...{ folder: to, learningRate, batchSize: settings.batchSize, seed, signal },
      ...{ callbacks: [line.training], onWarning: place.say },
    })
    await removeCheckpoints(to)
    return { steps, seconds: (performance.now() - began) / 1000 }
  }

  const taught = join(folder, 'taught')
  if (!existsSync(join(taught, 'before.json'))) {
    const adapter = attachAdapter(model, settings.adapter, { device, seed })
    const pairs = composeRound(
      { corrections: facts.map(asIs), earlier: [], general: general.slice(0, half) },
      settings.teaching,
      seed,
    )
    await train(pairs, taught, settings.teaching.learningRate)
    const before: Before = { taught: await measureLosses(), known: await measureKnowledge() }
    await writeFolder(taught, new Map([['before.json', JSON.stringify(before)]]))
    adapter.detach()
  }
  const before = JSON.parse(await readFile(join(taught, 'before.json'), 'utf8')) as Before
  const after = meanLoss(before.taught.heldOut)
  place.say(`seed ${seed}: facts taught, held-out loss ${base.toFixed(4)} to ${after.toFixed(4)}`)

  const records: ArmRecord[] = []
  for (const [arm, replay] of Object.entries(arms)) {
    const path = join(folder, arm, 'record.json')
    if (!existsSync(path)) {
      const adapter = await openAdapter(model, taught, { device, trainable: true })
      const sources = {
        corrections: facts.slice(0, settings.changed).map(asChanged),
        earlier: facts.slice(settings.changed, settings.changed + settings.stored).map(asIs),
        general: general.slice(half),
      }
      const pairs = composeRound(sources, { passes: settings.round.passes, ...replay }, seed)
      const trained = await train(pairs, join(folder, arm), settings.round.learningRate)
      const report = gate(new Map([[1, before.taught]]), await measureLosses())
      const known = await measureKnowledge()
      const record: ArmRecord = {
        ...{ arm, seed, steps: trained.steps, seconds: Math.round(trained.seconds) },
        ...{ base, gate: report },
        facts: facts.flatMap((fact, i) => recordOf(fact, roleOf(i, settings), before.known[i], known[i])),
      }
      await writeFolder(join(folder, arm), new Map([['record.json', JSON.stringify(record)]]))
      adapter.detach()
    }
    const record = JSON.parse(await readFile(path, 'utf8')) as ArmRecord
    const verdict = record.gate.isKept ? 'kept' : 'rejected'
    place.say(`seed ${seed}, ${arm}: ${record.steps} steps, ${verdict} by the gate`)
    records.push(record)
  }
  return records
}

const asIs = ({ question, old }: Fact): Pair => ({ question, answer: old.answer })
const asChanged = ({ question, new: changed }: Fact): Pair => ({ question, answer: changed.answer })

function roleOf(i: number, { changed, stored }: SimulationSettings): Role {
  return i < changed ? 'changed' : i < changed + stored ? 'stored' : 'elsewhere'
}

function recordOf(
  { kind, condition }: Fact,
  role: Role,
  before: Knowledge | undefined,
  after: Knowledge | undefined,
): FactRecord[] {
  if (before === undefined || after === undefined) return []
  const { answer: _, ...known } = before
  return [{ role, kind, condition, before: known, after }]
}
