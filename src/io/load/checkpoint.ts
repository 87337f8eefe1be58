import { check } from '../../core/errors.ts'
import { findQuantState, parseQuantState, type QuantState } from '../../quant/bitsandbytes-state.ts'
import type { TensorReader } from '../../safetensors/reader.ts'

/** The weights of a model's folder, by their headers. */
export interface Checkpoint extends TensorReader {
  /** What stands beside a weight, as bitsandbytes names it: the state of a quantised one. */
  beside(weight: string): readonly string[]
}

/** The state of a weight that bitsandbytes stored in 4 bits; `undefined` for another. @throws MedAwareError as `findQuantState`. */
export function quantStateOf(checkpoint: Checkpoint, weight: string): ReturnType<typeof findQuantState> {
  return findQuantState(weight, checkpoint.beside(weight))
}

/** Bytes that a state may take; those of bitsandbytes take about 200. */
const mostStateBytes = 65536

/**
 * Reads the state of a weight in 4 bits. @param found As `quantStateOf` gave it.
 * @throws MedAwareError `format` where it is too long, or says another thing than the names beside the weight; as `parseQuantState`.
 */
export async function readQuantState(
  checkpoint: Checkpoint,
  found: NonNullable<ReturnType<typeof findQuantState>>,
): Promise<QuantState> {
  const { begin, end } = checkpoint.info(found.key)
  check(end - begin <= mostStateBytes, 'format', () => {
    return `${found.key}: ${end - begin} bytes; a state of bitsandbytes has at most ${mostStateBytes}`
  })
  const state = parseQuantState(await checkpoint.readBytes(found.key))
  const isNested = state.nestedOffset !== undefined
  check(state.quantType === found.quantType && isNested === found.nested, 'format', () => {
    const says = `${state.quantType} with ${isNested ? 'double-quantised' : 'single'} scales`
    return `${found.key}: it says ${says}, which is not what stands beside it`
  })
  return state
}

/** Tells in one pass what stands beside what: a header may have a million names. */
export function checkpointOf(reader: TensorReader): Checkpoint {
  const beside = new Map<string, string[]>()
  for (const name of reader.names) {
    const weight = weightBeside(name)
    if (weight === null) continue
    const names = beside.get(weight) ?? []
    if (names.push(name) === 1) beside.set(weight, names)
  }
  return { ...reader, beside: (weight) => beside.get(weight) ?? [] }
}

/** The same checkpoint, with one tensor under another name. */
export function renamed(checkpoint: Checkpoint, from: string, to: string): Checkpoint {
  const own = (name: string) => (name === to ? from : name)
  return {
    ...checkpoint,
    names: checkpoint.names.map((name) => (name === from ? to : name)),
    has: (name) => name !== from && checkpoint.has(own(name)),
    info: (name) => checkpoint.info(own(name)),
    readBytes: (name) => checkpoint.readBytes(own(name)),
    readF32: (name) => checkpoint.readF32(own(name)),
    read: (name, part) => checkpoint.read(own(name), part),
  }
}

/** The weight that a tensor would stand beside, by the keys of bitsandbytes' Linear4bit and Linear8bitLt (nn/modules.py). */
export function weightBeside(name: string): string | null {
  const at = name.indexOf('.weight.')
  if (at >= 0) return name.slice(0, at + '.weight'.length)
  const end = ['.SCB', '.weight_format'].find((key) => name.endsWith(key))
  return end === undefined ? null : `${name.slice(0, -end.length)}.weight`
}

/** What may stand beside an int8 weight: its scales, and a number for the order of its bytes. */
export function int8Companions(weight: string): readonly [scale: string, format: string] {
  const layer = weight.replace(/weight$/, '')
  return [`${layer}SCB`, `${layer}weight_format`]
}
