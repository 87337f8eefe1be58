import { matmulRows } from './kernels/cpu-matmul.ts'
import { modelRows } from './cpu-model.ts'
import type { Row } from './row.ts'
import { smollm2Row } from './smollm2.ts'

/** Everything `npm run bench -- cpu` can measure. */
export const cpuRows: readonly Row[] = [...matmulRows, ...modelRows, smollm2Row]
