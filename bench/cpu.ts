import { modelRows } from './cpu-model.ts'
import { phaseRows } from './kernels/cpu-phases.ts'
import { productRows } from './kernels/cpu-products.ts'
import { threadRows } from './kernels/cpu-threads.ts'
import type { Row } from './row.ts'
import { smollm2Rows } from './smollm2.ts'

/** Everything `npm run bench -- cpu` can measure. */
export const cpuRows: readonly Row[] = [...productRows, ...phaseRows, ...threadRows, ...modelRows, ...smollm2Rows]
