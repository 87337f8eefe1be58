import { check, type ErrorCode, MedAwareError } from '../core/errors.ts'
import { type Folder, readBytes, readText } from '../io/sources/folder.ts'
import { restoreRun } from '../io/checkpoint-folder.ts'
import type { RunStore } from '../io/runs/run-store.ts'
import { checkpointFiles } from '../train/checkpoint.ts'
import type { TrainingRun } from '../train/training-run.ts'
import { Checkpoints } from './checkpoints.ts'
import type { TrainerCallback } from './trainer-callback.ts'
import type { TrainerState } from './trainer-state.ts'

const names = { log: 'trainer_log.json', best: 'best_weights.safetensors' } as const

/** All of a training that a checkpoint keeps. */
export interface SavedTraining<B> {
  readonly run: TrainingRun<B>
  readonly state: TrainerState
  readonly callbacks: readonly TrainerCallback[]
  /** Weights of the best evaluation; null where there is none. */
  best: Uint8Array | null
}

/** How a training goes on. */
export interface ResumeOptions {
  /** Which checkpoint: true for the newest whole one, or that of a step. */
  readonly from: true | number
  readonly acceptDifferences: readonly string[]
  readonly onWarning: (message: string) => void
}

/** The folder of a run: its checkpoints, each whole in itself, and what else it writes. */
export class RunFolder {
  readonly checkpoints: Checkpoints

  constructor(readonly store: RunStore) {
    this.checkpoints = new Checkpoints(store)
  }

  /** Sees that no other run is begun over. @throws MedAwareError `config`. */
  async checkFresh(): Promise<void> {
    const [step] = (await this.checkpoints.steps()).toReversed()
    check(step === undefined, 'config', () => {
      const remedy = 'give resumeFromCheckpoint: true to go on with it, or another outputDir'
      return `Trainer: ${this.store.name} has a run, saved at step ${step ?? 0}, which would be lost; ${remedy}`
    })
  }

  /** Saves a checkpoint of where a run is. @param beside Files of the adapter, for who takes it from there. */
  async save<B>(
    { run, state, callbacks, best }: SavedTraining<B>,
    beside: ReadonlyMap<string, Uint8Array | string>,
  ): Promise<void> {
    const files = new Map([...beside, ...(await checkpointFiles(run)), [names.log, state.toJson(callbacks)] as const])
    if (best !== null) files.set(names.best, best)
    await this.checkpoints.save(run.step, files)
  }

  /**
   * Brings a fresh run to where a checkpoint has it. @returns Whether there was one.
   * @throws MedAwareError as `restoreRun`; `not-found` for a step that has no checkpoint.
   */
  async resume<B>(training: SavedTraining<B>, { from, acceptDifferences, onWarning }: ResumeOptions): Promise<boolean> {
    const found = from === true ? await this.checkpoints.newest(onWarning) : await this.#at(from)
    if (found === null) return false
    const { run, state, callbacks } = training
    const { differences } = await restoreRun(run, found.folder, { acceptDifferences })
    for (const { name, was, is } of differences)
      onWarning(`the run goes on with another ${name}: it was ${was}, is ${is}`)
    state.restore(`${found.folder.name}/${names.log}`, await readText(found.folder, names.log), callbacks)
    training.best = (await found.folder.has(names.best)) ? await readBytes(found.folder, names.best) : null
    return true
  }

  async #at(step: number): Promise<{ readonly step: number; readonly folder: Folder }> {
    const steps = await this.checkpoints.steps()
    check(steps.includes(step), 'not-found', () => {
      const there = steps.length === 0 ? 'it has none' : `it has those of ${steps.join(', ')}`
      return `Trainer: ${this.store.name} has no checkpoint of step ${step}; ${there}`
    })
    return { step, folder: this.checkpoints.open(step) }
  }
}

/** What may be over when the program is started again. */
const survivable: readonly ErrorCode[] = ['device-lost', 'disk', 'memory']

/** An error that ended a training, which says where it can go on. */
export async function withRemedy(error: unknown, folder: RunFolder | null): Promise<unknown> {
  if (!(error instanceof MedAwareError) || !survivable.includes(error.code)) return error
  const [step] = folder === null ? [] : (await folder.checkpoints.steps().catch(() => [])).toReversed()
  if (folder === null || step === undefined) return error
  const remedy = `${folder.store.name} has step ${step}: go on with resumeFromCheckpoint: true`
  return new MedAwareError(error.code, `${error.message}; ${remedy}`, { cause: error })
}
