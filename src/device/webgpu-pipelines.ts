import { wgsl } from './kernels.generated.ts'
import type { KernelRow } from './kernel-row.ts'
import { kernels, type KernelName } from './kernels.ts'
import { type AdapterTraits, type Variant, variantsFor } from './webgpu-variants.ts'

/** A kernel ready to be dispatched. */
export interface Pipeline {
  readonly name: KernelName
  readonly row: KernelRow
  /** Names of the bindings after the parameters, in order; the first `row.reads.length` are only read. */
  readonly bindings: readonly string[]
  readonly gpu: GPUComputePipeline
  /** One for all programs of a kernel. */
  readonly layout: GPUBindGroupLayout
  groups(params: Readonly<Record<string, number>>): readonly [number, number, number]
}

const computeStage = 4 // GPUShaderStage.COMPUTE: Node has no such global

/** Compiles each kernel when it is first used. */
export class Pipelines {
  readonly #made = new Map<KernelName | Variant, Pipeline>()
  readonly #layouts = new Map<KernelName, GPUBindGroupLayout>()
  readonly #variants = new Map<KernelName, readonly Variant[]>()
  readonly #device: GPUDevice

  constructor(device: GPUDevice, traits: AdapterTraits) {
    this.#device = device
    for (const variant of variantsFor(traits)) {
      this.#variants.set(variant.kernel, [...(this.#variants.get(variant.kernel) ?? []), variant])
    }
  }

  /** The program for a call: the first variant that takes it, else the kernel's twin. */
  get(name: KernelName, params: Readonly<Record<string, number>>): Pipeline {
    const variant = this.#variants.get(name)?.find((one) => one.takes(params))
    const known = this.#made.get(variant ?? name)
    if (known !== undefined) return known
    const made = this.#make(name, variant)
    this.#made.set(variant ?? name, made)
    return made
  }

  #make(name: KernelName, variant: Variant | undefined): Pipeline {
    const row = rowOf(name)
    const layout = this.#layoutOf(name)
    const text = variant?.text ?? name
    const gpu = this.#device.createComputePipeline({
      label: text,
      layout: this.#device.createPipelineLayout({ label: name, bindGroupLayouts: [layout] }),
      compute: {
        module: this.#device.createShaderModule({ label: text, code: wgsl[text] }),
        entryPoint: 'main',
        constants: (variant ?? row).constants,
      },
    })
    const groups = (params: Readonly<Record<string, number>>) => (variant ?? row).groups(params)
    return { name, row, bindings: [...row.reads, ...row.writes], gpu, layout, groups }
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

/** Bytes of a kernel's uniform block, rounded to WGSL's 16. */
export function paramBytes(row: KernelRow): number {
  return Math.ceil((4 * Object.keys(row.params).length) / 16) * 16
}

/** Writes parameters in the register's order, 4 bytes each. */
export function packParams(
  row: KernelRow,
  params: Readonly<Record<string, number>>,
  target: DataView,
  at: number,
): void {
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
