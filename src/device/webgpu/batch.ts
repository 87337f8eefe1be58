import type { Plan } from './programs/pipelines.ts'

/** A kernel's call, ready to be encoded. */
export interface Dispatch {
  readonly plan: Plan
  readonly group: GPUBindGroup
  /** Where its parameters are in the arena; null where they stay with the plan. */
  readonly at: number | null
}

/** A copy between two buffers, queued behind so many dispatches of its batch. */
export interface Copy {
  readonly behind: number
  readonly source: GPUBuffer
  readonly sourceAt: number
  readonly target: GPUBuffer
  readonly targetAt: number
  readonly byteLength: number
}

/** What goes out in one submit, in the order of the calls. */
export interface Batch {
  readonly dispatches: readonly Dispatch[]
  readonly copies: readonly Copy[]
}

/** A batch up to its last dispatch: where results are copied to for the host, differs from one time to the next. */
export function withoutLastCopies({ dispatches, copies }: Batch): Batch {
  return { dispatches, copies: copies.filter(({ behind }) => behind < dispatches.length) }
}

/** What is left of a batch when all of another is done; null where it does not begin with the other. */
export function behind(batch: Batch, first: Batch): Batch | null {
  const count = first.dispatches.length
  if (batch.dispatches.length < count || batch.copies.length < first.copies.length) return null
  for (let i = 0; i < count; i++) if (!isSameDispatch(batch.dispatches[i], first.dispatches[i])) return null
  for (let i = 0; i < first.copies.length; i++) if (!isSameCopy(batch.copies[i], first.copies[i])) return null
  const copies = batch.copies.slice(first.copies.length)
  if (copies.some((copy) => copy.behind < count)) return null
  return {
    dispatches: batch.dispatches.slice(count),
    copies: copies.map((copy) => ({ ...copy, behind: copy.behind - count })),
  }
}

/** Plans and bind groups are kept for the calls to come, so those of one call are the same objects each time. */
function isSameDispatch(a: Dispatch | undefined, b: Dispatch | undefined): boolean {
  if (a === undefined || b === undefined || a.group !== b.group || a.at !== b.at) return false
  return a.plan === b.plan || (a.at !== null && isSameButParams(a.plan, b.plan))
}

function isSameButParams(a: Plan, b: Plan): boolean {
  return a.pipeline === b.pipeline && a.groups.every((count, axis) => count === b.groups[axis])
}

function isSameCopy(a: Copy | undefined, b: Copy | undefined): boolean {
  return (
    a?.behind === b?.behind &&
    a?.source === b?.source &&
    a?.sourceAt === b?.sourceAt &&
    a?.target === b?.target &&
    a?.targetAt === b?.targetAt &&
    a?.byteLength === b?.byteLength
  )
}
