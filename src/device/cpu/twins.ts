import { check } from '../../core/errors.ts'
import { type KernelName, kernels } from '../register/kernels.ts'
import { rowOf } from '../row-of.ts'
import type { CpuKernel } from './job-board.ts'

/** What an instance of the kernels' module exports beside them. */
export interface ModuleExports {
  /** Where the memory that no module uses begins. */
  readonly heapBase: () => number
  readonly scratchBytes: () => number
  /** Called on every thread before its first share of a job. */
  readonly beginJob: () => void
  readonly setScratch: (pointer: number, bytes: number) => void
  readonly kernels: ReadonlyMap<KernelName, CpuKernel>
}

/**
 * The exports of an instance, each kernel held against its row: WebAssembly fills in zeros where a call has fewer
 * numbers than the function takes, without a word.
 * @throws MedAwareError `device` for a twin that is missing, or takes another count of numbers than its row says.
 */
export function twinsOf(exports: WebAssembly.Exports): ModuleExports {
  const twins = (Object.keys(kernels) as KernelName[]).map((name) => {
    const { reads, writes, params } = rowOf(name)
    const names = [...reads, ...writes, ...Object.keys(params), 'begin', 'end']
    const twin = functionOf(exports, name)
    check(
      twin.length === names.length,
      'device',
      () =>
        `cpu: the twin of ${name} takes ${twin.length} numbers, its row says ${names.length} (${names.join(', ')}); ` +
        'build the kernels from the register that is in use',
    )
    return [name, twin] as const
  })
  return {
    heapBase: functionOf(exports, 'heapBase') as () => number,
    scratchBytes: functionOf(exports, 'scratchBytes') as () => number,
    beginJob: functionOf(exports, 'beginJob'),
    setScratch: functionOf(exports, 'setScratch'),
    kernels: new Map(twins),
  }
}

function functionOf(exports: WebAssembly.Exports, name: string): CpuKernel {
  const found = exports[name]
  check(
    typeof found === 'function',
    'device',
    () => `cpu: the module has no ${name}; build the kernels from the register that is in use`,
  )
  return found as CpuKernel
}
