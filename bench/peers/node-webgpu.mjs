// Dawn where libraries written for browsers look for WebGPU.
import { create, globals } from 'webgpu'

/** Kept, because Dawn ends the process if it is collected before its devices. */
const gpu = create([])
Object.assign(globalThis, globals)
Object.defineProperty(globalThis, 'navigator', { value: { gpu, userAgent: 'node' }, configurable: true })

/** Numbers from -1 to 1 that no kernel can take for zeros. */
export const numbers = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 37) % 201) / 100 - 1)

/** What is to be timed: its name, and m, n and k. */
export function workOf() {
  const [work, ...sizes] = process.argv.slice(2)
  const [m, n, k] = sizes.map(Number)
  return { work, m, n, k }
}
