import { AdapterRecord } from './adapter-record.ts'
import type { Binding } from '../../device.ts'
import type { KernelName } from '../../register/kernels.ts'
import { adapterKey, describeAdapter, hasSubgroupMatrices } from '../adapter.ts'
import { candidatesFor, programName, programsFor } from './candidates.ts'
import { Choices } from './choices.ts'
import { isTested, isTuned, type WebGpuOptions } from '../options.ts'
import { Pipelines } from './pipelines.ts'
import type { CommandQueue } from '../queue.ts'
import { Tuner } from './tuner.ts'
import type { Texts } from './texts.ts'
import type { AdapterTraits, Variant } from './variant.ts'
import type { Params } from '../../register/param-type.ts'

/** Lanes of a subgroup that the texts with subgroup matrices count on. */
const matrixLanes = 32

/** What an adapter can do kernels with, and which of it does which call. */
export class Programs {
  /** Every program of each kernel, the twin last; the order of preference for a call is that of its candidates. */
  readonly all: ReadonlyMap<KernelName, readonly Variant[]>
  readonly choices: Choices
  readonly pipelines: Pipelines
  /** null: best guesses and choices that were given, without any timing. */
  readonly #tuner: Tuner | null

  /**
   * @param onForgetting Told that plans are forgotten: what is queued must go out, and nothing be kept under them.
   */
  constructor(
    gpu: GPUDevice,
    queue: CommandQueue,
    traits: AdapterTraits,
    texts: Texts,
    options: WebGpuOptions,
    record: AdapterRecord | null,
    onForgetting: () => void,
  ) {
    const isTimed = isTuned(traits.isSoftware, options)
    const found = record?.findings
    const seeds = typeof options.tuning === 'object' ? options.tuning : isTimed ? found?.choices : undefined
    this.all = programsFor(traits)
    this.choices = new Choices(candidatesFor(traits), seeds ?? {}, found?.struck)
    this.pipelines = new Pipelines(gpu, texts, this.choices, onForgetting)
    const remember = async (results: Parameters<AdapterRecord['add']>[0]) => record?.add(results)
    const ports = { onTuning: options.onTuning, remember }
    this.#tuner = isTimed ? new Tuner(gpu, this.pipelines, this.choices, queue, ports) : null
  }

  /** Whether work is only rehearsed: nothing must reach the adapter. */
  get isRehearsing(): boolean {
    return this.#tuner?.isRehearsing ?? false
  }

  /** Notes a call of a rehearsal. */
  note(kernel: KernelName, windows: Readonly<Record<string, Binding | null>>, params: Params): void {
    this.#tuner?.note(kernel, windows, params)
  }

  async prepare(work: () => void): Promise<void> {
    await this.#tuner?.prepare(work)
  }
}

/** What programs want to know of an adapter. */
export function traitsOf(gpu: GPUDevice, info: GPUAdapterInfo, { subgroups = true }: WebGpuOptions): AdapterTraits {
  const subgroupLanes = subgroups && gpu.features.has('subgroups') ? (info.subgroupMinSize ?? 0) : 0
  const isOneSize = subgroupLanes === matrixLanes && info.subgroupMaxSize === matrixLanes
  return {
    isSoftware: describeAdapter(info).isSoftware,
    subgroupLanes,
    hasMatrices: isOneSize && hasSubgroupMatrices(gpu, info),
  }
}

/** What is kept of an adapter, where the options have a use for it. */
export async function recordOf(
  info: GPUAdapterInfo,
  traits: AdapterTraits,
  texts: Texts,
  options: WebGpuOptions,
): Promise<AdapterRecord | null> {
  const { isSoftware } = traits
  if (!isTuned(isSoftware, options) && !isTested(isSoftware, options)) return null
  const names = [...programsFor(traits).values()].flat().map(programName)
  return new AdapterRecord(adapterKey(info), JSON.stringify([names, texts])).read()
}
