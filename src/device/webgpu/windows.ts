import type { Binding } from '../device.ts'
import type { Cut, CutWindow } from '../register/cut.ts'
import type { Params } from '../register/param-type.ts'

/** A call of a kernel: what is bound, by name, and the parameters. */
export interface Call {
  readonly bindings: Readonly<Record<string, Binding | null>>
  readonly params: Params
}

/** What an adapter takes in one dispatch. */
export interface DispatchLimits {
  /** Most bytes of a binding. */
  readonly bindingBytes: number
  /** Whether a call with these parameters needs no more workgroups than an axis has. */
  fitsGroups(params: Params): boolean
}

/** Bindings start at multiples of this on every adapter (minStorageBufferOffsetAlignment). */
export const bindingAlignment = 256

/** Workgroups that an axis of a dispatch takes. */
export const mostGroups = 65535

/** Whether no axis has more workgroups than it takes. */
export function fitsGroups(groups: readonly [number, number, number]): boolean {
  return groups[0] <= mostGroups && groups[1] <= mostGroups && groups[2] <= mostGroups
}

/** Whether none of the bindings is longer than a limit. */
export function fitsBindings(bindings: Call['bindings'], limit: number): boolean {
  for (const name in bindings) {
    if ((bindings[name]?.byteLength ?? 0) > limit) return false
  }
  return true
}

/**
 * The calls that together, in this order, do what `call` does, and that an adapter takes: pieces along the axes of the
 * kernel's cuts. A call that fits, or that no cut helps, comes back as it is; the latter is refused by whoever binds
 * it.
 */
export function* pieces(cuts: readonly Cut[], call: Call, limits: DispatchLimits): Generator<Call> {
  const isWhole = fitsBindings(call.bindings, limits.bindingBytes) && limits.fitsGroups(call.params)
  const found = (isWhole ? undefined : cutThatHelps(cuts, call, limits)) ?? cutOfSums(cuts, call)
  if (found === undefined) {
    yield call
    return
  }
  const { cut, size } = found
  const count = call.params[cut.along] ?? 0
  for (let begin = 0; begin < count; begin += size) {
    yield* pieces(cuts, pieceOf(cut, call, begin, Math.min(size, count - begin)), limits)
  }
}

/** Whether a call needs no pieces, be it for its bindings or for its sums. */
export function fitsWhole(cuts: readonly Cut[], call: Call, bindingBytes: number): boolean {
  return fitsBindings(call.bindings, bindingBytes) && cutOfSums(cuts, call) === undefined
}

/** The cut of a sum that is longer than it may be. */
function cutOfSums(cuts: readonly Cut[], call: Call): { readonly cut: Cut; readonly size: number } | undefined {
  for (const cut of cuts) {
    const count = call.params[cut.along] ?? 0
    if (cut.most === undefined || count <= cut.most) continue
    const windows = windowsOf(cut, call.params)
    if (windows === null) continue
    const step = stepOf(cut, windows, call)
    const size = step * Math.max(1, Math.floor(cut.most / step))
    if (size < count) return { cut, size }
  }
  return undefined
}

/** The first cut that makes a binding or the workgroups fit, and the most units a piece may then have. */
function cutThatHelps(
  cuts: readonly Cut[],
  call: Call,
  limits: DispatchLimits,
): { readonly cut: Cut; readonly size: number } | undefined {
  for (const cut of cuts) {
    const size = sizeOfPieces(cut, call, limits)
    if (size !== null) return { cut, size }
  }
  return undefined
}

function sizeOfPieces(cut: Cut, { bindings, params }: Call, limits: DispatchLimits): number | null {
  const windows = windowsOf(cut, params)
  if (windows === null) return null
  const count = params[cut.along] ?? 0
  const step = stepOf(cut, windows, { bindings, params })
  let size = count
  for (const [name, { bytes, per = 1, beyond = 0 }] of windows) {
    if ((bindings[name]?.byteLength ?? 0) <= limits.bindingBytes) continue
    const most = Math.floor(((limits.bindingBytes - beyond) * per) / bytes / step) * step
    // A binding that does not fit for however few units waits for another axis.
    if (most > 0) size = Math.min(size, most)
  }
  if (!limits.fitsGroups(params)) {
    let most = size
    while (most > step && !limits.fitsGroups({ ...params, [cut.along]: most })) most = Math.ceil(most / 2 / step) * step
    if (limits.fitsGroups({ ...params, [cut.along]: most })) size = most
  }
  return size < count ? size : null
}

/** Units at whose multiples the windows of what is bound may begin; the call's own number or more where none do. */
function stepOf(cut: Cut, windows: ReturnType<typeof windowsOf> & object, { bindings, params }: Call): number {
  const own = windows.filter(([name]) => bindings[name] != null)
  const count = params[cut.along] ?? 0
  let step = cut.step?.(params) ?? 1
  while (step < count && !own.every(([, window]) => bytesOf(window, step) % bindingAlignment === 0)) step *= 2
  return step
}

function pieceOf(cut: Cut, { bindings, params }: Call, begin: number, size: number): Call {
  const windows: Record<string, Binding | null> = { ...bindings }
  for (const [name, window] of windowsOf(cut, params) ?? []) {
    const binding = bindings[name]
    if (binding != null) windows[name] = windowOf(binding, window, begin, size)
  }
  return { bindings: windows, params: { ...params, ...cut.from?.(begin, params), [cut.along]: size } as Params }
}

function windowOf(
  { buffer, byteOffset, byteLength }: Binding,
  window: CutWindow,
  begin: number,
  size: number,
): Binding {
  const start = bytesOf(window, begin)
  const length = Math.ceil((bytesOf(window, size) + (window.beyond ?? 0)) / 4) * 4
  return { buffer, byteOffset: byteOffset + start, byteLength: Math.min(length, byteLength - start) }
}

function bytesOf({ bytes, per = 1 }: CutWindow, units: number): number {
  return (units * bytes) / per
}

function windowsOf(cut: Cut, params: Params): readonly (readonly [name: string, window: CutWindow])[] | null {
  const windows = cut.windows(params)
  if (windows === null) return null
  return Object.entries(windows).flatMap(([name, window]) => {
    if (window === undefined) return []
    return [[name, typeof window === 'number' ? { bytes: window } : window] as const]
  })
}
