import { wgsl } from './kernels.generated.ts'
import type { KernelRow } from './kernel-row.ts'
import { kernels, type KernelName } from './kernels.ts'
import { programName } from './webgpu-candidates.ts'
import type { Choices } from './webgpu-choices.ts'
import type { Variant } from './webgpu-variants.ts'

type Params = Readonly<Record<string, number>>

/** A kernel ready to be dispatched. */
export interface Pipeline {
  readonly name: KernelName
  readonly row: KernelRow
  /** Names of the bindings after the parameters, in order; the first `row.reads.length` are only read. */
  readonly bindings: readonly string[]
  readonly gpu: GPUComputePipeline
  /** One for all programs of a kernel. */
  readonly layout: GPUBindGroupLayout
  groups(params: Params): readonly [number, number, number]
}

const computeStage = 4 // GPUShaderStage.COMPUTE: Node has no such global
const mostCalls = 4096

/** Compiles each program when it is first used, or before. */
export class Pipelines {
  /** By a program's name. */
  readonly #made = new Map<string, Pipeline>()
  /** Programs of calls seen before: choosing takes longer than encoding a small kernel. */
  readonly #calls = new Map<string, Pipeline>()
  readonly #modules = new Map<string, GPUShaderModule>()
  readonly #layouts = new Map<KernelName, GPUBindGroupLayout>()
  /** Parameters that programs of a kernel are chosen by; none where there is its twin alone. */
  readonly #telling: ReadonlyMap<KernelName, readonly string[]>
  readonly #device: GPUDevice
  readonly #choices: Choices

  constructor(device: GPUDevice, choices: Choices, programs: ReadonlyMap<KernelName, readonly Variant[]>) {
    this.#device = device
    this.#choices = choices
    this.#telling = new Map([...programs].map(([name, own]) => [name, own.length > 1 ? wholeParams(name) : []]))
  }

  /** The program that is chosen for a call. */
  get(name: KernelName, params: Params): Pipeline {
    let call: string = name
    for (const param of this.#telling.get(name) ?? []) call += ` ${params[param] ?? 0}`
    const known = this.#calls.get(call)
    if (known !== undefined) return known
    const pipeline = this.of(this.#choices.choose(name, params))
    if (this.#calls.size >= mostCalls) this.#calls.clear()
    this.#calls.set(call, pipeline)
    return pipeline
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
    const name = program.kernel
    const row = rowOf(name)
    const bindings = [...row.reads, ...row.writes]
    const groups = (params: Params) => program.groups(params)
    const pipeline = { name, row, bindings, gpu, layout: this.#layoutOf(name), groups }
    this.#made.set(programName(program), pipeline)
    return pipeline
  }

  #describe({ kernel, text, constants }: Variant): GPUComputePipelineDescriptor {
    return {
      label: text,
      layout: this.#device.createPipelineLayout({ label: kernel, bindGroupLayouts: [this.#layoutOf(kernel)] }),
      compute: { module: this.#moduleOf(text), entryPoint: 'main', constants },
    }
  }

  #moduleOf(text: Variant['text']): GPUShaderModule {
    const known = this.#modules.get(text)
    if (known !== undefined) return known
    const module = this.#device.createShaderModule({ label: text, code: wgsl[text] })
    this.#modules.set(text, module)
    return module
  }

  #layoutOf(name: KernelName): GPUBindGroupLayout {
    const known = this.#layouts.get(name)
    if (known !== undefined) return known
    const row = rowOf(name)
    const bindings = [...row.reads, ...row.writes]
    const layout = this.#device.createBindGroupLayout({
      label: name,
      entries: [
        {
          binding: 0,
          visibility: computeStage,
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: paramBytes(row) },
        },
        ...bindings.map((_, i) => ({
          binding: i + 1,
          visibility: computeStage,
          buffer: { type: i < row.reads.length ? ('read-only-storage' as const) : ('storage' as const) },
        })),
      ],
    })
    this.#layouts.set(name, layout)
    return layout
  }
}

/** Names of a kernel's whole-number parameters: the others are factors, which no program is chosen by. */
function wholeParams(name: KernelName): string[] {
  const types = Object.entries(rowOf(name).params)
  return types.filter(([, type]) => type === 'u32').map(([param]) => param)
}

/** Bytes of a kernel's uniform block, rounded to WGSL's 16. */
export function paramBytes(row: KernelRow): number {
  return Math.ceil((4 * Object.keys(row.params).length) / 16) * 16
}

/** Writes parameters in the register's order, 4 bytes each. */
export function packParams(row: KernelRow, params: Params, target: DataView, at: number): void {
  let offset = at
  for (const name in row.params) {
    const value = params[name] ?? 0
    if (row.params[name] === 'u32') target.setUint32(offset, value, true)
    else target.setFloat32(offset, value, true)
    offset += 4
  }
}

/** A row without its names: the map of all kernels has a type per row, which no loop can use. */
export function rowOf(name: KernelName): KernelRow {
  return kernels[name]
}
