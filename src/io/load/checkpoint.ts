import type { Checkpoint } from '../../formats/format.ts'
import { weightBeside } from '../../formats/formats.ts'
import type { TensorReader } from '../../safetensors/reader.ts'

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
