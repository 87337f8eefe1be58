import { added, further } from './cut.ts'
import { perTable } from './kernel-call.ts'
import { fold, kernel, LANES, lanes } from './kernel-row.ts'
import { nestedFrom, storedWindows } from './stored-cuts.ts'
import { anyFormat, anyMatrix } from './stored-matrix.ts'

/** The register's rows for rows of a table. */
export const tableKernels = {
  /**
   * out[row] = table[ids[row] - first] where that is a row below vocab; other rows stay. The table [vocab,dim] in the
   * terms of matmulStored, or f32 where bits is 32, with the other three null.
   */
  embedding: kernel({
    reads: ['ids', 'codes', 'absmax', 'nested', 'tables'],
    writes: ['out'],
    params: {
      rows: 'u32',
      dim: 'u32',
      first: 'u32',
      vocab: 'u32',
      bits: 'u32',
      isBf16: 'u32',
      blockSize: 'u32',
      scaling: 'u32',
      nestedCount: 'u32',
    },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold((p.rows * p.dim) / LANES),
    cuts: [
      { along: 'rows', windows: ({ dim }) => ({ ids: 4, out: 4 * dim }) },
      {
        along: 'vocab',
        windows: (p) => storedWindows(p.dim, p),
        from: (begin, p) => ({ ...further(begin, p), ...nestedFrom(begin * p.dim, p) }),
      },
    ],
    calls: ({ normals, ids }) =>
      anyFormat.flatMap((format) =>
        perTable((rows, dim) => {
          const table = anyMatrix(normals(13 * dim), dim, format)
          return {
            reads: { ids: ids(rows, 13), ...table.reads },
            writes: { out: normals(rows * dim) },
            params: { rows, dim, first: 0, vocab: 13, ...table.params },
          }
        }),
      ),
  }),
  /** dTable[v] = (accumulate ? dTable[v] : 0) + Σ dOut[row] over rows with ids[row] = first + v. */
  embeddingBackward: kernel({
    reads: ['ids', 'dOut'],
    writes: ['dTable'],
    params: { rows: 'u32', dim: 'u32', first: 'u32', vocab: 'u32', accumulate: 'u32' },
    items: (p) => p.vocab,
    constants: lanes,
    groups: (p) => fold(p.vocab),
    cuts: [
      { along: 'vocab', windows: ({ dim }) => ({ dTable: 4 * dim }), from: further },
      { along: 'rows', windows: ({ dim }) => ({ ids: 4, dOut: 4 * dim }), from: added },
    ],
    calls: ({ normals, ids }) =>
      perTable((rows, dim) => ({
        reads: { ids: ids(rows, 13), dOut: normals(rows * dim) },
        writes: { dTable: normals(13 * dim) },
        params: { rows, dim, first: 0, vocab: 13, accumulate: rows % 2 },
      })),
  }),
  /** out[row,j] = x[row,ids[row,j]], 0 where that is no column of the `dim`. */
  gather: kernel({
    reads: ['ids', 'x'],
    writes: ['out'],
    params: { rows: 'u32', dim: 'u32', picks: 'u32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold((p.rows * p.picks) / LANES),
    cuts: [{ along: 'rows', windows: ({ dim, picks }) => ({ ids: 4 * picks, x: 4 * dim, out: 4 * picks }) }],
    calls: ({ normals, ids }) =>
      perTable((rows, dim) => ({
        // One more than there are: some ids are no column.
        reads: { ids: ids(3 * rows, dim + 1), x: normals(rows * dim) },
        writes: { out: normals(3 * rows) },
        params: { rows, dim, picks: 3 },
      })),
  }),
  /** dX[row,c] = Σ dOut[row,j] over j with ids[row,j] = c. */
  gatherBackward: kernel({
    reads: ['ids', 'dOut'],
    writes: ['dX'],
    params: { rows: 'u32', dim: 'u32', picks: 'u32' },
    items: (p) => p.rows,
    constants: lanes,
    groups: (p) => fold(p.rows),
    cuts: [{ along: 'rows', windows: ({ dim, picks }) => ({ ids: 4 * picks, dOut: 4 * picks, dX: 4 * dim }) }],
    calls: ({ normals, ids }) =>
      perTable((rows, dim) => ({
        reads: { ids: ids(3 * rows, dim + 1), dOut: normals(3 * rows) },
        writes: { dX: normals(rows * dim) },
        params: { rows, dim, picks: 3 },
      })),
  }),
} as const
