import type { Device } from '../device/device.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'

const tablesOf = new WeakMap<Device, Map<string, Tensor>>()

/** A table of numbers that all matrices of a format share, made once per device. @param name Unique among all. */
export function sharedTable(device: Device, name: string, values: () => Float32Array): Tensor {
  const tables = tablesOf.get(device) ?? new Map<string, Tensor>()
  tablesOf.set(device, tables)
  const made = tables.get(name) ?? device.memory.rooted(() => fromArray(device, values(), [values().length], name))
  tables.set(name, made)
  return made
}
