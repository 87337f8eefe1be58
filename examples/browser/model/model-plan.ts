import type { MemoryPlan, ModelReport } from 'peft-medaware'
import type { ModelWorker } from 'peft-medaware/worker'
import { quantize } from '../session.ts'
import { libraryOptionsOf, type Settings } from '../settings/settings.ts'

/** What a training takes of an engine's memory. */
export interface TrainingPlan {
  readonly settings: Settings
  readonly memory: MemoryPlan
  /** Bytes that the engine has for it; null where it does not say. */
  readonly room: number | null
  /** What is too large, in the library's words; null where it fits, as far as the engine says. */
  readonly problem: string | null
  /** The first settings with which it fits, where it does not with these; null where none do. */
  readonly fitting: TrainingPlan | null
}

/** A model by its config and the headers of its files, of which nothing else is read. */
export class ModelPlan {
  private constructor(
    readonly worker: ModelWorker,
    readonly name: string,
    readonly report: ModelReport,
  ) {}

  /**
   * Reads of a model what says how large it is.
   * @throws MedAwareError as `inspectModel`; Error for an adapter; the signal's reason.
   */
  static async read(
    worker: ModelWorker,
    source: string | readonly File[],
    name: string,
    signal: AbortSignal,
  ): Promise<ModelPlan> {
    const report = await worker.inspectModel(source, { hub: { download: false }, signal })
    if (report.kind !== 'model') throw new Error(`${name} is an adapter, not a model`)
    return new ModelPlan(worker, name, report)
  }

  /** Bytes of its files. */
  get bytes(): number {
    return this.report.files.bytes
  }

  /** What training it with these settings takes, and where it does not fit, with which it would. */
  async training(settings: Settings): Promise<TrainingPlan> {
    const plan = await this.#planned(settings)
    if (plan.problem === null) return plan
    for (const smaller of smallerThan(settings)) {
      const fitting = await this.#planned(smaller)
      if (fitting.problem === null) return { ...plan, fitting }
    }
    return plan
  }

  async #planned(settings: Settings): Promise<TrainingPlan> {
    const { config } = this.report
    const { batchSize, maxLength, gradientAccumulationSteps, gradientCheckpointing } = settings
    const memory = await this.worker.planMemory(config, {
      ...{ quantize, adapter: libraryOptionsOf(settings).adapter, batchSize, gradientAccumulationSteps },
      gradientCheckpointing: gradientCheckpointing === 'on',
      length: Math.min(maxLength, config.maxPositionEmbeddings),
    })
    const { freeBytes, liveBytes } = await this.worker.memory()
    // Once the model is loaded its weights are no longer free, and are counted in the plan all the same.
    const room = freeBytes === null ? null : freeBytes + liveBytes
    const isLoaded = liveBytes > 0 && room !== null
    const fits = isLoaded ? memory.total <= room : memory.advice === null
    const problem = fits ? null : (memory.advice ?? 'the engine has less')
    return { settings, memory, room, problem, fitting: null }
  }
}

/** Settings that take less memory, step by step, each change kept for those after it. */
function* smallerThan(settings: Settings): Generator<Settings> {
  let smaller = settings
  if (smaller.gradientCheckpointing === 'off') yield (smaller = { ...smaller, gradientCheckpointing: 'on' })
  while (smaller.batchSize > 1) yield (smaller = { ...smaller, batchSize: Math.ceil(smaller.batchSize / 2) })
  while (smaller.maxLength > 128) yield (smaller = { ...smaller, maxLength: Math.ceil(smaller.maxLength / 2) })
}
