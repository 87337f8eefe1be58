import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { saveModel } from '../../src/io/save/save-model.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { type Check, equal, type LeftOut, within, withinShare, worst } from '../golden/check.ts'
import { families, type Family, type Row, rows, steps } from './methods.ts'
import { type Inputs, type OurNumbers, readTheirs, trainOurs } from './our-side.ts'
import type { PythonSide } from './python-side.ts'

/** What the matrix needs of the program around it. */
export interface MatrixTools {
  readonly work: string
  /** A file of `inputs`. */
  readonly inputsFile: string
  readonly inputs: Inputs
  readonly peft: PythonSide
  open(path: string): Promise<TensorReader>
}

/** A check of one cell: a method on a family, in one direction, on one device. */
export interface CellCheck {
  readonly row: string
  readonly family: string
  readonly direction: 'there, read here' | 'here, read there'
  readonly device: string
  readonly check: Told
}

/** What Python is asked to do with one adapter; see peft_side.py. */
interface Job {
  readonly row: Row
  readonly family: Family
  readonly base: string
  /** Of the weights in full, where the base is in 4 bits. */
  readonly source: string | null
  readonly adapter: string
  readonly out: string
}

/** What Python says of each job, by name: what went wrong, if anything. */
type Answers = Readonly<Record<string, { readonly error?: string; readonly unmerged?: string }>>

type Told = Check | LeftOut

const logitsBound = 1e-4
const gradientsBound = 1e-3
const nameOf = ({ row, family }: Pick<Job, 'row' | 'family'>) => `${row.name} | ${family.name}`

const fullBase = ({ folder }: Family) => fileURLToPath(new URL(`../fixtures/${folder}`, import.meta.url))
const fourBitBase = (work: string, { name }: Family) => join(work, 'four-bit', name)

function jobsIn(work: string, folder: string): readonly Job[] {
  const jobs = families.flatMap((family) => {
    const those = rows.filter(({ name }) => family.rows?.includes(name) ?? true)
    return those.map((row) => ({ row, family }))
  })
  return jobs.map(({ row, family }, at) => {
    const [full, isFourBit] = [fullBase(family), row.replaced ?? false]
    return {
      ...{ row, family, base: isFourBit ? fourBitBase(work, family) : full, source: isFourBit ? full : null },
      adapter: join(work, folder, `${at}`, 'adapter'),
      out: join(work, folder, `${at}.safetensors`),
    }
  })
}

async function writeFourBitBases(device: Device, work: string): Promise<void> {
  for (const family of families) {
    const { model } = await loadModel(fullBase(family), { device, quantize: { type: 'nf4' } })
    await saveModel(model, fourBitBase(work, family))
    model.dispose()
  }
}

async function ask(
  tools: MatrixTools,
  command: 'make' | 'check',
  jobs: readonly Job[],
  file: string,
): Promise<Answers> {
  const words = jobs.map(({ row, family, base, source, adapter, out }) => ({
    ...{ name: nameOf({ row, family }), base, source, inputs: tools.inputsFile, adapter, out },
    ...{ config: row.config(family), steps, convert: row.convert ?? false },
  }))
  writeFileSync(file, JSON.stringify(words))
  return JSON.parse(await tools.peft.ask(command, file)) as Answers
}

/** A device's adapters, and what Python will say of them. */
interface Side {
  readonly device: Device
  readonly trained: readonly Trained[]
  readonly reading: Promise<Answers>
}

interface Trained {
  readonly job: Job
  /** What was computed here, or why nothing was. */
  readonly ours: OurNumbers | Told
}

/**
 * Every method on every family, trained on one side and read on the other. Python works beside us: it makes its adapters
 * while the first device trains, and reads a device's while that one reads Python's and the next one trains.
 */
export async function* matrixChecks(devices: readonly Device[], tools: MatrixTools): AsyncGenerator<CellCheck> {
  const [first] = devices
  if (first !== undefined) await writeFourBitBases(first, tools.work)
  const theirs = jobsIn(tools.work, 'theirs')
  const making = ask(tools, 'make', theirs, join(tools.work, 'theirs.json'))
  const sides: Side[] = []
  for (const device of devices) {
    const trained = await trainSide(device, tools)
    const file = join(tools.work, `ours-${device.kind}.json`)
    const jobs = trained.filter(({ ours }) => !('name' in ours)).map(({ job }) => job)
    const reading = making.then(() => ask(tools, 'check', jobs, file))
    sides.push({ device, trained, reading })
    const made = await making
    for (const job of theirs) yield* cells(device, job, 'there, read here', checksOfTheirs(device, job, made, tools))
  }
  for (const side of sides) yield* checksOfOurs(side, tools)
}

async function* cells(
  device: Device,
  { row, family }: Job,
  direction: CellCheck['direction'],
  checks: Promise<readonly (Check | LeftOut)[]>,
): AsyncGenerator<CellCheck> {
  const place = { row: row.name, family: family.name, direction, device: device.description }
  for (const check of await checks) yield { ...place, check }
}

async function checksOfTheirs(device: Device, job: Job, made: Answers, tools: MatrixTools): Promise<readonly Told[]> {
  const { row, family, base, adapter, out } = job
  const { error, unmerged } = made[nameOf(job)] ?? { error: 'no answer' }
  const expected = row.notInPeft?.[family.name]
  if (error !== undefined || expected !== undefined) return [cannot('PEFT cannot make it', error, expected)]
  const ours = await attempt(() => readTheirs(device, base, adapter, tools.inputs))
  return 'name' in ours ? [ours] : logitChecks(ours, await tools.open(out), unmerged, row.notMerged?.[family.name])
}

async function trainSide(device: Device, tools: MatrixTools): Promise<readonly Trained[]> {
  const trained: Trained[] = []
  for (const job of jobsIn(tools.work, `ours-${device.kind}`)) {
    const { row, family, base, source, adapter } = job
    const spec = { ...row, source, config: row.config(family) }
    const ours =
      row.notHere === undefined
        ? await attempt(() => trainOurs(device, base, adapter, spec, tools.inputs))
        : { name: 'training here', leftOut: row.notHere }
    trained.push({ job, ours })
  }
  return trained
}

async function* checksOfOurs({ device, trained, reading }: Side, tools: MatrixTools): AsyncGenerator<CellCheck> {
  const read = await reading
  for (const { job, ours } of trained) {
    const checks = async (): Promise<readonly Told[]> => {
      if ('name' in ours) return [ours]
      const { error, unmerged } = read[nameOf(job)] ?? { error: 'no answer' }
      const merged = job.row.notMerged?.[job.family.name]
      if (error !== undefined) return [cannot('PEFT cannot read it', error, undefined)]
      const theirs = await tools.open(job.out)
      return [...(await logitChecks(ours, theirs, unmerged, merged)), ...(await gradientChecks(ours, theirs))]
    }
    yield* cells(device, job, 'here, read there', checks())
  }
}

/** What came of something that may fail: a failure, or what this version refuses. */
async function attempt<T>(work: () => Promise<T>): Promise<T | Check> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MedAwareError && error.code === 'unsupported') {
      return { name: 'here', unsupported: error.message }
    }
    return failed(`here: ${String(error)}`)
  }
}

function failed(name: string): Check {
  return { name, error: NaN, bound: 0, ok: false }
}

/** What PEFT cannot do: left out where that is known, and a failure where it is not, or where it can do it by now. */
function cannot(name: string, said: string | undefined, expected: RegExp | undefined): Told {
  if (said === undefined) return failed(`${name}, says the table, and it can`)
  return expected?.test(said) === true ? { name, leftOut: said } : failed(`${name}: ${said}`)
}

async function logitChecks(
  ours: OurNumbers,
  theirs: TensorReader,
  unmerged: string | undefined,
  expected: RegExp | undefined,
): Promise<readonly Told[]> {
  const logits = within('logits', ours.logits, await theirs.readF32('logits'), logitsBound)
  const name = 'merged logits'
  if (unmerged !== undefined || expected !== undefined) {
    return [logits, cannot('PEFT cannot merge it', unmerged, expected)]
  }
  if (!theirs.has('merged_logits')) return [logits, { name, leftOut: 'PEFT does not merge prompts' }]
  if (typeof ours.merged === 'string') return [logits, failed(`${name}: ${ours.merged}`)]
  return [logits, within(name, ours.merged, await theirs.readF32('merged_logits'), logitsBound)]
}

/** Gradients that both would train on with. */
async function gradientChecks({ gradients }: OurNumbers, theirs: TensorReader): Promise<readonly Told[]> {
  const name = 'gradients'
  const keys = theirs.names.filter((each) => each.startsWith('grad.')).map((each) => each.slice(5))
  if (keys.length === 0) return [{ name, leftOut: 'PEFT loads prompts for inference alone' }]
  if (gradients.size === 0) return [{ name, leftOut: 'other weights are saved than were trained' }]
  const checks: Check[] = []
  for (const key of keys) {
    const expected = await theirs.readF32(`grad.${key}`)
    checks.push(withinShare(key, gradients.get(key) ?? [], expected, gradientsBound))
  }
  return [worst(name, checks), equal('gradients: every one of them', [gradients.size], [keys.length])]
}
