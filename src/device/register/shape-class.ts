import { kernels, type KernelName } from './kernels.ts'
import type { Params, ParamType } from './param-type.ts'

/** What hardly changes how long a call takes, or which program is fastest. Numbers in f32 never do. */
const ignored = new Set([
  ...['hasBias', 'hasFactor', 'hasAlibi', 'hasHoles', 'hasRotary', 'accumulate', 'nestedCount'],
  ...['pitchA', 'pitchOut', 'past', 'first', 'seed', 'slot', 'threshold'],
])

/** What makes another task of a call: how operands lie and are decoded, and sizes that programs are cut to. */
const exact = /^(trans[A-Z]|is[A-Z]|write[A-Z]|bits$|scaling$|dim$)/

/**
 * Calls that one choice of a program serves: the kernel, its parameters that matter, and sizes rounded up to a power of
 * two, e.g. `matmul m=128 n=2048 k=2048 transA=0 transB=1`.
 */
export function shapeClass(kernel: KernelName, params: Params): string {
  const types: Readonly<Record<string, ParamType>> = kernels[kernel].params
  // Blocks of 8 and 16 bits are whole rows mostly: a size.
  const isCut = (params['bits'] ?? 8) < 8
  const words = Object.entries(types)
    .filter(([name, type]) => type === 'u32' && !ignored.has(name))
    .map(([name]) => {
      const value = params[name] ?? 0
      return `${name}=${exact.test(name) || (name === 'blockSize' && isCut) ? value : roundUp(value)}`
    })
  return [kernel, ...words].join(' ')
}

function roundUp(size: number): number {
  return size <= 1 ? size : 2 ** Math.ceil(Math.log2(size))
}
