import { absmaxBytes, nestedSize } from '../../quant/block-forms.ts'

type Storage = { readonly [name in 'bits' | 'blockSize' | 'scaling' | 'nestedCount']: number }

/** Blocks that share a number of nested where maxima are in 8 bits. */
const nestedBlock = 256

/**
 * Windows of a stored matrix along an axis whose unit is `elements` of it. Where maxima are in 8 bits the last of
 * nested is read by every piece.
 */
export const storedWindows = (elements: number, { bits, blockSize, scaling }: Storage) => ({
  codes: { bytes: elements * bits, per: 8 },
  absmax: { bytes: (absmaxBytes[scaling] ?? 4) * elements, per: blockSize },
  nested:
    scaling === 1
      ? { bytes: 4 * elements, per: nestedBlock * blockSize, beyond: Infinity }
      : { bytes: 4 * elements, per: nestedSize },
})

/** Where the last of nested lies in a window that begins `elements` elements on. */
export const nestedFrom = (elements: number, { blockSize, scaling, nestedCount }: Storage) =>
  scaling === 1 ? { nestedCount: nestedCount - elements / (nestedBlock * blockSize) } : {}
