import type { LoadProgress } from 'peft-medaware'
import { type ModelWorker, startWorker } from 'peft-medaware/worker'
import { loraOf, quantize, Session, type Settings } from './session.ts'

export type Engine = 'auto' | 'webgpu' | 'cpu'

/** What a model of the Hub takes, before it is fetched. */
export interface Plan {
  readonly parameters: number
  /** Bytes of its weights on the Hub, and those of them that are not here yet. */
  readonly bytes: number
  readonly missing: number
  /** Bytes that the browser lets the page keep beside what it has; null where it does not say. */
  readonly room: number | null
  /** Bytes of memory that a training with these settings takes at most. */
  readonly memory: number
  readonly settings: Settings
  /** What is too large for the engine, and what to change; null where it fits. */
  readonly advice: string | null
}

/** An engine in a worker, and the model that is to be loaded on it. */
export class Opening {
  private constructor(
    readonly worker: ModelWorker,
    readonly source: string | readonly File[],
    readonly name: string,
  ) {}

  /** @param name Of the model. @throws MedAwareError as `startWorker`. */
  static async start(engine: Engine, source: string | readonly File[], name: string): Promise<Opening> {
    return new Opening(await startWorker({ device: engine }), source, name)
  }

  /** Reads of the Hub what says how large the model is: its config, and the headers of its files. */
  async plan(settings: Settings, signal: AbortSignal): Promise<Plan> {
    const report = await this.worker.inspectModel(this.source, { hub: { download: false }, signal })
    if (report.kind !== 'model') throw new Error(`${this.name} is an adapter, not a model`)
    const { rank, batchSize, maxLength } = settings
    const needed = await this.worker.planMemory(report.config, {
      ...{ quantize, adapter: loraOf(rank), batchSize },
      length: Math.min(maxLength, report.config.maxPositionEmbeddings),
    })
    const kept = (await this.worker.cachedModels()).find(({ name }) => name === this.name)
    const { bytes } = report.files
    const missing = Math.max(0, bytes - (kept?.bytes ?? 0) - (kept?.incompleteBytes ?? 0))
    const { total: memory, advice } = needed
    return { parameters: report.parameters.all, bytes, missing, room: await freeRoom(), memory, settings, advice }
  }

  /** @throws MedAwareError as `loadModel`; the signal's reason. */
  async load(onProgress: (progress: LoadProgress) => void, signal: AbortSignal): Promise<Session> {
    const model = await this.worker.loadModel(this.source, { quantize, onProgress, signal })
    if (model.tokenizer === null) throw new Error(`${this.name}: there is no tokenizer.json`)
    return new Session(this.name, this.worker, model, this.source)
  }

  /** Frees the engine. What was loaded on it is gone. */
  close(): void {
    this.worker.terminate()
  }
}

async function freeRoom(): Promise<number | null> {
  const { quota, usage = 0 } = (await navigator.storage?.estimate().catch(() => null)) ?? {}
  return quota === undefined ? null : Math.max(0, quota - usage)
}
