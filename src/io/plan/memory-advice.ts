import type { Device } from '../../device/device.ts'

/** As much of a plan as says whether it fits. */
export interface Need {
  /** Bytes in use at the peak. */
  readonly total: number
  /** The largest buffer. */
  readonly largest: { readonly label: string; readonly bytes: number }
}

/** Options changed so that less memory is needed, in the words of a program, and what is needed then. */
export interface Change {
  readonly words: string
  readonly plan: Need
}

type Place = Pick<Device, 'description' | 'kind' | 'limits'>

/** Whether a device can hold what is needed, as far as it tells. */
export function fitsDevice({ total, largest }: Need, { limits }: Pick<Device, 'limits'>): boolean {
  return total <= (limits.freeBytes ?? Infinity) && largest.bytes <= limits.bufferBytes
}

/** What is too large for a device, and the first change that makes it fit; `null` where it fits as it is. */
export function adviceFor(device: Place, need: Need, changes: Iterable<Change>): string | null {
  if (fitsDevice(need, device)) return null
  const { description, limits } = device
  const problem =
    need.largest.bytes > limits.bufferBytes
      ? `${need.largest.label} takes ${showBytes(need.largest.bytes)}, ${description} holds at most ${showBytes(limits.bufferBytes)} in one piece`
      : `${showBytes(need.total)} are needed, ${description} has ${showBytes(limits.freeBytes ?? 0)}`
  for (const { words, plan } of changes) {
    if (fitsDevice(plan, device)) return `${problem}; with ${words} it takes ${showBytes(plan.total)}`
  }
  const elsewhere = device.kind === 'cpu' ? `a WebGPU adapter with more` : `{ device: 'cpu' }`
  return `${problem}; no option makes it fit, use a smaller model or ${elsewhere}`
}

/** Bytes in the largest unit that leaves a digit before the point. */
export function showBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(2)} ${unit}`
  }
  return `${bytes} bytes`
}
