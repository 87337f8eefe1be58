import type { LoadProgress } from 'peft-medaware'
import { type ModelWorker, startWorker } from 'peft-medaware/worker'
import { ModelPlan } from './model/model-plan.ts'
import { quantize, Session } from './session.ts'

export type Engine = 'auto' | 'webgpu' | 'cpu'

/** What there is to fetch of a model. */
export interface Download {
  /** Bytes of its files, and those of them that are not here yet. */
  readonly bytes: number
  readonly missing: number
  /** Bytes that the browser lets the page keep beside what it has; null where it does not say. */
  readonly room: number | null
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

  /** Reads what says how large the model is: its config, and the headers of its files. @throws As `ModelPlan.read`. */
  plan(signal: AbortSignal): Promise<ModelPlan> {
    return ModelPlan.read(this.worker, this.source, this.name, signal)
  }

  /** What of the Hub's files is not here yet. */
  async download({ bytes }: ModelPlan): Promise<Download> {
    if (typeof this.source !== 'string') return { bytes, missing: 0, room: null }
    const kept = (await this.worker.cachedModels()).find(({ name }) => name === this.name)
    const missing = Math.max(0, bytes - (kept?.bytes ?? 0) - (kept?.incompleteBytes ?? 0))
    return { bytes, missing, room: await freeRoom() }
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
