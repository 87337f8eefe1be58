import { Draws, type KernelCall } from '../register/kernel-call.ts'
import { type KernelName, kernels } from '../register/kernels.ts'
import { rowOf } from '../row-of.ts'

/** One call of a kernel, whichever it is. */
export interface SelfTestCase extends KernelCall {
  readonly kernel: KernelName
  readonly codeSteps: number
}

/** The calls that each kernel is tested with, as its row says. The same numbers each time. */
export function selfTestCases(): readonly SelfTestCase[] {
  const names = Object.keys(kernels) as KernelName[]
  return names.flatMap((kernel) =>
    rowOf(kernel)
      .calls(new Draws())
      .map((call) => ({ codeSteps: 0, ...call, kernel })),
  )
}
