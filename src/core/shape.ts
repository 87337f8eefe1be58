import { check } from './errors.ts'
import { show } from './show.ts'

/** Sizes of each dimension, outermost first. */
export type Shape = readonly number[]

/** Number of elements in `shape`. */
export function countOf(shape: Shape): number {
  let count = 1
  for (const size of shape) count *= size
  return count
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis])
}

/**
 * Checks a shape that a caller gave: whole sizes, no more elements than a double counts.
 * @throws MedAwareError `shape`.
 */
export function checkShape(who: string, shape: Shape): void {
  const isOne = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0)
  check(isOne && Number.isSafeInteger(countOf(shape)), 'shape', () => {
    return `${who}: a shape must be a list of whole sizes from 0 such as [2,3], got ${show(shape)}`
  })
}

/** A file can say that a tensor has a million dimensions. */
const mostShown = 16

/** `[2,3]`: how shapes are written in error messages. */
export function showShape(shape: Shape): string {
  return shape.length <= mostShown ? `[${shape.join(',')}]` : `[${shape.slice(0, mostShown).join(',')},…]`
}
