import { MedAwareError } from '../core/errors.ts'
import {
  type Aliases,
  callback,
  type OptionRules,
  readArgument,
  readOptions,
  whole,
  withMethods,
} from '../core/options.ts'
import { openSafetensors } from '../safetensors/reader.ts'
import { bytesSource } from '../safetensors/source.ts'
import { checkpointFileNames, restoreCheckpoint, checkpointFiles } from './checkpoint.ts'
import type { StepReport } from './step-report.ts'
import { runRule, type TrainingRun, type TrainOptions } from './training-run.ts'

/** A checkpoint in the host's memory, which a lost device does not take with it. */
export interface Snapshot {
  /** Steps done. */
  readonly step: number
  /** The files of `checkpointFiles`, by name: `writeFolder` writes them, `restoreRun` reads them. */
  readonly files: ReadonlyMap<string, Uint8Array | string>
}

/** What is told when a device was lost. */
export interface LostDevice {
  /** `device-lost`. */
  readonly error: MedAwareError
  /** Step that training will go on from. */
  readonly step: number
  /** How often this has happened, from 1. */
  readonly restart: number
}

export interface ResilientRunOptions {
  /**
   * Opens a device, loads the model, attaches the adapter and makes the run, or restores one, the same each time.
   * Called at the start and again for each lost device, which is disposed of before. Batches are opened anew each time,
   * by a function or in here: those of a generator that was begun before are gone, and the run says so.
   */
  open(): Promise<TrainingRun>
  /**
   * Steps between two snapshots (transformers' save_steps). A snapshot takes 12 bytes a trained parameter
   * with AdamW, 8 with Lion. Default 50.
   */
  readonly saveSteps?: number
  /** Lost devices to go on after (torchrun's max_restarts). Default 3. */
  readonly maxRestarts?: number
  /** Called with each new snapshot, before the report of its step: to write it to a disk, say. */
  onSave?(snapshot: Snapshot): Promise<void> | void
  /** Called when a device was lost, before another one is opened. */
  onLost?(lost: LostDevice): void
}

const rules: OptionRules<ResilientRunOptions> = {
  open: callback(),
  saveSteps: whole({ from: 1 }),
  maxRestarts: whole({ from: 0 }),
  onSave: callback(),
  onLost: callback(),
}

/** transformers' and torchrun's names. */
const aliases: Aliases<ResilientRunOptions> = {
  saveEvery: 'saveSteps',
  saveInterval: 'saveSteps',
  maxRetries: 'maxRestarts',
  retries: 'maxRestarts',
  restarts: 'maxRestarts',
  onDeviceLost: 'onLost',
  onSnapshot: 'onSave',
}

const optionsRule = withMethods<ResilientRunOptions>('an object with open, which makes a TrainingRun', ['open'])

/**
 * A `TrainingRun` that survives the loss of its device: it keeps the newest snapshot on the host, opens another device
 * and goes on from there. Reports are those of an undisturbed run, each once, to the bit, their times aside.
 */
export class ResilientRun implements AsyncIterable<StepReport> {
  readonly #options: ResilientRunOptions
  readonly #saveSteps: number
  readonly #maxRestarts: number
  #run: TrainingRun
  #restarts = 0
  /** The step that `open` starts from. */
  readonly #first: number
  /** The last step that was reported. */
  #reported: number
  /** The newest, and the one before it while reports have not come as far. */
  #snapshots: readonly Snapshot[] = []

  private constructor(options: ResilientRunOptions, run: TrainingRun) {
    this.#options = options
    this.#saveSteps = options.saveSteps ?? 50
    this.#maxRestarts = options.maxRestarts ?? 3
    this.#run = run
    this.#first = this.#reported = run.step
  }

  /** Opens the first run. @throws MedAwareError `config` for senseless options, and as `options.open`. */
  static async open(options: ResilientRunOptions): Promise<ResilientRun> {
    const read = readOptions('ResilientRun', options, rules, aliases)
    readArgument('ResilientRun', 'options', read, optionsRule)
    return new ResilientRun(read, await openRun(read))
  }

  /** The run on the device of now. After a loss it is another one, with another model. */
  get run(): TrainingRun {
    return this.#run
  }

  /** What a lost device would be followed by: null until `saveSteps` steps are done. */
  get snapshot(): Snapshot | null {
    return this.#snapshots.findLast(({ step }) => step <= this.#reported) ?? null
  }

  /** As `train`. */
  [Symbol.asyncIterator](): AsyncGenerator<StepReport> {
    return this.train()
  }

  /**
   * Trains on to the end of the run.
   * @throws MedAwareError `device-lost` after `maxRestarts` losses (`snapshot` is still there), as `TrainingRun`, and
   * as `open`.
   */
  async *train(options: TrainOptions = {}): AsyncGenerator<StepReport> {
    for (;;) {
      try {
        for await (const report of this.#run.train(options)) {
          await this.#save()
          // Steps between the snapshot and the loss were reported before.
          if (report.step <= this.#reported) continue
          this.#reported = report.step
          yield report
        }
        return
      } catch (error) {
        await this.#goOn(error)
      }
    }
  }

  /** Frees the optimiser's state. */
  dispose(): void {
    this.#run.dispose()
  }

  async #save(): Promise<void> {
    const { step } = this.#run
    const dueOf = (at: number) => Math.floor(at / this.#saveSteps)
    if (dueOf(step) <= dueOf(this.#snapshots.at(-1)?.step ?? this.#first)) return
    const snapshot = { step, files: await checkpointFiles(this.#run) }
    const { snapshot: before } = this
    this.#snapshots = [...(before === null ? [] : [before]), snapshot]
    await this.#options.onSave?.(snapshot)
  }

  /** Opens another device and brings a new run to the snapshot. @throws The error, where there is no going on. */
  async #goOn(error: unknown): Promise<void> {
    if (!(error instanceof MedAwareError) || error.code !== 'device-lost') throw error
    if (++this.#restarts > this.#maxRestarts) throw error
    const { snapshot } = this
    this.#options.onLost?.({ error, step: snapshot?.step ?? this.#first, restart: this.#restarts })
    this.#run.dispose()
    this.#run.model.device.dispose()
    try {
      this.#run = await openRun(this.#options)
      if (snapshot !== null) await restore(this.#run, snapshot)
      this.#snapshots = snapshot === null ? [] : [snapshot]
    } catch (next) {
      await this.#goOn(next)
    }
  }
}

async function openRun(options: ResilientRunOptions): Promise<TrainingRun> {
  return readArgument('ResilientRun', 'what open gives', await options.open(), runRule)
}

async function restore(run: TrainingRun, { files }: Snapshot): Promise<void> {
  const { state, tensors } = checkpointFileNames
  const [json, bytes] = [files.get(state), files.get(tensors)]
  if (typeof json !== 'string' || !(bytes instanceof Uint8Array)) throw new RangeError('a snapshot without its files')
  await restoreCheckpoint(run, json, await openSafetensors(bytesSource(bytes, tensors)))
}
