import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MedAwareError } from 'peft-medaware'
import type { AdapterChoice } from '../../adapter-choice.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { digestOf, readJson, writeJson } from '../../records.ts'

/** What every point of a curve has alike; points of other settings are no points of it. */
export interface CurveSettings {
  readonly base: string
  /** Of the curve, ascending: each subset is within the next. */
  readonly sizes: readonly number[]
  /** Pairs kept to measure on, and to stop by. */
  readonly measured: number
  readonly validation: number
  readonly adapter: AdapterChoice
  readonly maxLength: number
  readonly batch: number
  readonly learningRate: number
  /** Steps after which every run is measured, of whatever size. */
  readonly fixedSteps: number
  /** Passes over its pairs that a run may take; a small one still takes the fixed steps. */
  readonly passes: number
  /** Validations without a fall of the loss, past the fixed steps, after which a run ends, and steps between two. */
  readonly patience: number
  readonly validateEvery: number
  /** Questions that are answered, and tokens of an answer at most. */
  readonly answers: number
  readonly answerTokens: number
}

/** A question that quality is measured on. Tokens and bytes are those of the answer within the length. */
export interface MeasuredQuestion {
  readonly id: string
  readonly disease: string
  readonly qtype: string
  readonly tokens: number
  readonly bytes: number
}

/** An answer that was written greedily, as ROUGE-L finds it. */
export interface WrittenAnswer {
  readonly id: string
  readonly rougeL: number
  readonly text: string
}

/** A training on so many pairs. Nats are of each measured question, in their order. */
export interface CurvePoint {
  readonly size: number
  readonly seed: number
  /** Pairs drawn, those of them that the length leaves an answer of, and SHA-256 of their ids. */
  readonly pairs: number
  readonly examples: number
  readonly drawn: string
  readonly steps: number
  readonly stepsAllowed: number
  readonly best: { readonly step: number; readonly loss: number }
  readonly validation: readonly (readonly [step: number, loss: number])[]
  readonly nats: { readonly best: readonly number[]; readonly fixed: readonly number[] }
  readonly answers: readonly WrittenAnswer[]
  readonly seconds: number
}

/** All that a curve is drawn from. */
export interface CurveRecord {
  readonly engine: string
  readonly settings: CurveSettings
  readonly data: { readonly pool: number; readonly validation: number; readonly measured: number }
  readonly questions: readonly MeasuredQuestion[]
  /** The base without an adapter. */
  readonly base: { readonly nats: readonly number[]; readonly answers: readonly WrittenAnswer[] }
  readonly points: readonly CurvePoint[]
}

/** What tells one subset from another. */
export function digestOfPairs(pairs: readonly MedquadPair[]): string {
  return digestOf(pairs.map(({ id }) => `${id}\n`).join(''))
}

/** A curve's folder: what all points share, and a file for each point, so that what is broken off goes on. */
export class CurveFolder {
  constructor(readonly path: string) {}

  /** Where the checkpoints of a training are that has not ended. */
  runOf({ size, seed }: Pick<CurvePoint, 'size' | 'seed'>): string {
    return join(this.path, `run-${size}-${seed}`)
  }

  async point({ size, seed }: Pick<CurvePoint, 'size' | 'seed'>): Promise<CurvePoint | null> {
    return (await readJson(join(this.path, nameOf(size, seed)))) as CurvePoint | null
  }

  async keep(point: CurvePoint): Promise<void> {
    await writeJson(join(this.path, nameOf(point.size, point.seed)), point)
  }

  /**
   * What all points share, made by `measure` where the folder has none.
   * @throws MedAwareError `config` where the folder's points are of other settings.
   */
  async shared(settings: CurveSettings, measure: () => Promise<Omit<CurveRecord, 'points'>>) {
    const path = join(this.path, 'shared.json')
    const there = (await readJson(path)) as Omit<CurveRecord, 'points'> | null
    if (there !== null && JSON.stringify(there.settings) !== JSON.stringify(settings)) {
      throw new MedAwareError('config', `${this.path} holds points of other settings; give another --out, or remove it`)
    }
    const shared = there ?? (await measure())
    if (there === null) await writeJson(path, shared)
    return shared
  }

  /** All points that are there, small sizes first. */
  async points(): Promise<readonly CurvePoint[]> {
    const names = (await readdir(this.path)).filter((name) => /^point-\d+-\d+\.json$/.test(name))
    const points = await Promise.all(names.map((name) => readJson(join(this.path, name)) as Promise<CurvePoint>))
    return points.sort((a, b) => a.size - b.size || a.seed - b.seed)
  }
}

/** Reads a record. @throws MedAwareError `not-found`. */
export async function readRecord(path: string): Promise<CurveRecord> {
  const record = await readJson(path)
  if (record === null)
    throw new MedAwareError('not-found', `there is no record ${path}; run npm run medquad:data-curve`)
  return record as CurveRecord
}

const nameOf = (size: number, seed: number): string => `point-${size}-${seed}.json`
