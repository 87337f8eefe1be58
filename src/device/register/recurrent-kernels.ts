import { fold, kernel, lanes } from './kernel-row.ts'

const sizes = [3, 8, 67] as const
/** Steps of the sequences that calls are made on; the middle one has a step before and one after. */
const steps = 3

/** The register's rows for what goes through a sequence step by step. */
export const recurrentKernels = {
  /** A step of torch's LSTM, whose gates get the part of the state before. */
  lstmCell: kernel({
    reads: ['weight'],
    writes: ['gates', 'cells', 'out'],
    params: { hidden: 'u32', row: 'u32', before: 'u32', hasBefore: 'u32' },
    varies: true,
    items: ({ hidden }) => hidden,
    constants: lanes,
    groups: ({ hidden }) => fold(hidden),
    calls: ({ normals }) =>
      sizes.flatMap((hidden) =>
        [0, 1].map((hasBefore) => ({
          reads: { weight: normals(4 * hidden * hidden) },
          writes: {
            gates: normals(steps * 4 * hidden),
            cells: normals(steps * hidden),
            out: normals(steps * hidden),
          },
          params: { hidden, row: 1, before: 2, hasBefore },
        })),
      ),
  }),
  /** The way back through it, to its gates and the cell before. */
  lstmCellBackward: kernel({
    reads: ['dOut', 'gates', 'cells', 'weight'],
    writes: ['dGates', 'dCell'],
    params: { hidden: 'u32', row: 'u32', before: 'u32', hasBefore: 'u32', after: 'u32', hasAfter: 'u32' },
    varies: true,
    items: ({ hidden }) => Math.ceil(hidden / 4),
    constants: lanes,
    groups: ({ hidden }) => fold(hidden / 8),
    calls: ({ normals }) =>
      sizes.flatMap((hidden) =>
        [0, 1].map((has) => ({
          reads: {
            dOut: normals(steps * hidden),
            gates: normals(steps * 4 * hidden),
            cells: normals(steps * hidden),
            weight: normals(4 * hidden * hidden),
          },
          writes: { dGates: normals(steps * 4 * hidden), dCell: normals(hidden) },
          params: { hidden, row: 1, before: 2, hasBefore: has, after: 0, hasAfter: 1 - has },
        })),
      ),
  }),
}
