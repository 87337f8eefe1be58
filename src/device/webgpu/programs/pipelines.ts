import { check } from '../../../core/errors.ts'
import type { KernelRow } from '../../register/kernel-row.ts'
import type { KernelName } from '../../register/kernels.ts'
import { NumbersMap } from '../numbers-map.ts'
import { rowOf } from '../../row-of.ts'
import { programName } from './candidates.ts'
import type { Choices } from './choices.ts'
import { packWhole, type ParamLayout, paramLayout, SteadyParams } from '../params.ts'
import type { Texts } from './texts.ts'
import type { Variant } from './variant.ts'
import { fitsGroups } from '../windows.ts'
import type { Params } from '../../register/param-type.ts'

/** What all programs of a kernel have in common. */
export interface Interface {
  readonly name: KernelName
  /** What names it in keys. */
  readonly id: number
  readonly row: KernelRow
  /** Names of the bindings after the parameters, in order; the first `row.reads.length` are only read. */
  readonly bindings: readonly string[]
  readonly params: ParamLayout
  /** Whether binding 0 is at a place of its own in every call, not where the bind group says. */
  readonly varies: boolean
  readonly layout: GPUBindGroupLayout
}

/** A kernel ready to be dispatched. */
export interface Pipeline extends Interface {
  readonly gpu: GPUComputePipeline
  groups(params: Params): Groups
}

/** Workgroups on each axis. */
type Groups = readonly [number, number, number]

/** What does a call. */
export interface Plan {
  readonly pipeline: Pipeline
  readonly groups: Groups
  /** What names its bind groups: the plan itself, or, where parameters vary, the kernel. */
  readonly id: number
  /** Where its parameters stay; null where they vary. */
  readonly steady: GPUBufferBinding | null
  /** The call's whole-number parameters. */
  readonly whole: Uint32Array
  /** Whether no axis has more workgroups than WebGPU takes. */
  readonly fits: boolean
}

const computeStage = 4 // GPUShaderStage.COMPUTE: Node has no such global
const mostPlans = 4096

/** Compiles each program when it is first used, or before. */
export class Pipelines {
  /** By a program's name. */
  readonly #made = new Map<string, Pipeline>()
  /**
   * Plans of calls seen before, by kernel and parameters, of kernels that vary by whole numbers alone: to choose takes
   * longer than to encode a small kernel.
   */
  readonly #plans = new NumbersMap<Plan>()
  readonly #modules = new Map<string, GPUShaderModule>()
  readonly #interfaces = new Map<KernelName, Interface>()
  readonly #device: GPUDevice
  readonly #texts: Texts
  readonly #choices: Choices
  readonly #steady: SteadyParams
  readonly #onForgetting: () => void
  #plansMade = 0

  /** @param onForgetting Sends out all that is queued, and that reads the parameters of plans, and drops the plans. */
  constructor(device: GPUDevice, texts: Texts, choices: Choices, onForgetting: () => void) {
    this.#device = device
    this.#texts = texts
    this.#choices = choices
    this.#steady = new SteadyParams(device, mostPlans)
    this.#onForgetting = onForgetting
  }

  /** The program that is chosen for a call, and its workgroups. */
  plan(name: KernelName, params: Params): Plan {
    const { id, params: layout, varies } = this.#interfaceOf(name)
    const plans = this.#plans
    plans.start(id)
    // Programs and workgroups never hang on factors.
    for (let i = 0; i < layout.names.length; i++) {
      if (!varies || layout.isWhole[i] === true) plans.push(params[layout.names[i] ?? ''] ?? 0)
    }
    const known = plans.find()
    if (known !== undefined) return known
    const plan = this.planOf(this.of(this.#choices.choose(name, params)), params)
    plans.add(plan)
    return plan
  }

  /** How a program, chosen or not, does a call. */
  planOf(pipeline: Pipeline, params: Params): Plan {
    if (this.#plans.size >= mostPlans || this.#steady.isFull) this.#forgetPlans()
    const { params: layout, varies } = pipeline
    const groups = pipeline.groups(params)
    const whole = packWhole(layout, params)
    const fits = fitsGroups(groups)
    if (varies) return { pipeline, groups, id: pipeline.id, steady: null, whole, fits }
    const steady = this.#steady.add(whole, layout, params)
    return { pipeline, groups, id: ~this.#plansMade++, steady, whole, fits }
  }

  dispose(): void {
    this.#steady.dispose()
  }

  #forgetPlans(): void {
    this.#onForgetting()
    this.#plans.clear()
    this.#steady.clear()
  }

  /** A program of a kernel, chosen or not. */
  of(program: Variant): Pipeline {
    const known = this.#made.get(programName(program))
    return known ?? this.#keep(program, this.#device.createComputePipeline(this.#describe(program)))
  }

  /** Compiles a program without holding up the caller. @returns null, or why the adapter refuses it. */
  async compile(program: Variant): Promise<string | null> {
    if (this.#made.has(programName(program))) return null
    // Popped before anything else runs: scopes of the command queue lie on the same stack.
    this.#device.pushErrorScope('validation')
    const making = this.#device.createComputePipelineAsync(this.#describe(program)).catch((error: unknown) => error)
    const refusal = this.#device.popErrorScope()
    const [gpu, error] = await Promise.all([making, refusal.catch(() => null)])
    if (error !== null) this.#modules.delete(program.text)
    if (gpu instanceof Error || error !== null) return gpu instanceof Error ? gpu.message : (error?.message ?? '')
    if (!this.#made.has(programName(program))) this.#keep(program, gpu as GPUComputePipeline)
    return null
  }

  #keep(program: Variant, gpu: GPUComputePipeline): Pipeline {
    const groups = (params: Params) => program.groups(params)
    const pipeline = { ...this.#interfaceOf(program.kernel), gpu, groups }
    this.#made.set(programName(program), pipeline)
    return pipeline
  }

  #describe({ kernel, text, constants }: Variant): GPUComputePipelineDescriptor {
    return {
      label: text,
      layout: this.#device.createPipelineLayout({
        label: kernel,
        bindGroupLayouts: [this.#interfaceOf(kernel).layout],
      }),
      compute: { module: this.#moduleOf(text), entryPoint: 'main', constants },
    }
  }

  #moduleOf(text: Variant['text']): GPUShaderModule {
    const known = this.#modules.get(text)
    if (known !== undefined) return known
    const code = this.#texts[text]
    check(code !== undefined, 'device', () => `webgpu: the text ${text} is not loaded on this adapter`)
    const module = this.#device.createShaderModule({ label: text, code })
    this.#modules.set(text, module)
    return module
  }

  #interfaceOf(name: KernelName): Interface {
    const known = this.#interfaces.get(name)
    if (known !== undefined) return known
    const row = rowOf(name)
    const bindings = [...row.reads, ...row.writes]
    const params = paramLayout(row)
    const { varies = false } = row
    const layout = this.#device.createBindGroupLayout({
      label: name,
      entries: [
        {
          binding: 0,
          visibility: computeStage,
          buffer: { type: 'uniform', hasDynamicOffset: varies, minBindingSize: params.byteLength },
        },
        ...bindings.map((_, i) => ({
          binding: i + 1,
          visibility: computeStage,
          buffer: { type: i < row.reads.length ? ('read-only-storage' as const) : ('storage' as const) },
        })),
      ],
    })
    const made = { name, id: this.#interfaces.size, row, bindings, params, varies, layout }
    this.#interfaces.set(name, made)
    return made
  }
}
