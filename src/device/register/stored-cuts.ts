type Storage = { readonly [name in 'bits' | 'blockSize' | 'isNested' | 'nestedCount']: number }
const nestedBlock = 256

/**
 * Windows of a stored matrix along an axis whose unit is `elements` of it. The last of nested is read by every piece.
 */
export const storedWindows = (elements: number, { bits, blockSize, isNested }: Storage) => ({
  codes: { bytes: elements * bits, per: 8 },
  absmax: { bytes: (isNested === 1 ? 1 : 4) * elements, per: blockSize },
  nested: { bytes: 4 * elements, per: nestedBlock * blockSize, beyond: Infinity },
})

/** Where the last of nested lies in a window that begins `elements` elements on. */
export const nestedFrom = (elements: number, { blockSize, isNested, nestedCount }: Storage) =>
  isNested === 1 ? { nestedCount: nestedCount - elements / (nestedBlock * blockSize) } : {}
