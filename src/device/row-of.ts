import { check } from '../core/errors.ts'
import { show } from '../core/show.ts'
import type { KernelRow } from './register/kernel-row.ts'
import { type KernelName, kernels } from './register/kernels.ts'

/**
 * A row without its names: the map of all kernels has a type per row, which no loop can use.
 * @throws MedAwareError `config` for a kernel that there is not.
 */
export function rowOf(name: KernelName): KernelRow {
  check(Object.hasOwn(kernels, name), 'config', () => `run: there is no kernel ${show(name)}`)
  return kernels[name]
}
