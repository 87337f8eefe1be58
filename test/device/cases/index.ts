import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import { selfTestCases } from '../../../src/device/self-test/cases.ts'
import { type KernelCase, runCase } from '../kernel-case.ts'
import { attentionCases } from './attention.ts'
import { blockCases } from './blocks.ts'
import { elementwiseCases } from './elementwise.ts'
import { fourBitCases } from './four-bit.ts'
import { headCases } from './heads.ts'
import { magnitudeCases } from './magnitude.ts'
import { matmulCases } from './matmul.ts'
import { normCases } from './norms.ts'
import { optimizerCases } from './optimizers.ts'
import { rowCases } from './rows.ts'
import { storedCases } from './stored.ts'
import { verbCases } from './verbs.ts'

/** Calls of kernels that are held against formulas in doubles, one by one. */
export const formulaCases: readonly KernelCase[] = [
  ...matmulCases,
  ...fourBitCases,
  ...storedCases,
  ...blockCases,
  ...magnitudeCases,
  ...attentionCases,
  ...headCases,
  ...normCases,
  ...elementwiseCases,
  ...optimizerCases,
  ...rowCases,
  ...verbCases,
]

/**
 * The calls in the rows of all other kernels, which must give what the CPU engine gives. Those kernels answer to
 * numbers from outside in the cases of their ops: `test/ops` sees to it.
 */
export async function rowCallCases(): Promise<readonly KernelCase[]> {
  const known = new Set(formulaCases.map(({ kernel }) => kernel))
  const calls = selfTestCases().filter(({ kernel }) => !known.has(kernel))
  const device = await openCpuDevice({ build: 'simd', threads: 1 })
  const cases: KernelCase[] = []
  for (const [i, call] of calls.entries()) {
    const one = { ...call, title: `call ${i} of its row`, expected: {}, tolerance: 1e-4 }
    cases.push({ ...one, expected: await runCase(device, one) })
  }
  device.dispose()
  return cases
}
