import type { RunRecord } from '../run/training.ts'

/** A record that was kept; null for none, one of another version, or a torn one. */
export function readRecord(json: string | null): RunRecord | null {
  try {
    const record: unknown = JSON.parse(json ?? 'null')
    return isRecord(record) ? record : null
  } catch {
    return null
  }
}

function isRecord(value: unknown): value is RunRecord {
  if (typeof value !== 'object' || value === null) return false
  const { version, id, model, settings, data, begun, questions, step, steps, training, evaluation, samples } =
    value as { readonly [K in keyof RunRecord]?: unknown }
  const areCounts = [step, steps].every((count) => Number.isSafeInteger(count) && Number(count) >= 0)
  const areObjects = [model, settings, data, begun].every((each) => typeof each === 'object' && each !== null)
  const areLists = [questions, training, evaluation, samples].every(Array.isArray)
  return version === 1 && typeof id === 'string' && areCounts && areObjects && areLists
}
