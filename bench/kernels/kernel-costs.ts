import type { KernelCost } from '../../src/device/kernel-profile.ts'
import type { KernelName } from '../../src/device/register/kernels.ts'

/** Share of a time in which neither matrix products nor attention run: the kernels whose operations are counted. */
export function shareOutside(costs: readonly KernelCost[], milliseconds: number): number {
  return 1 - timeOf(costs.filter(({ operations }) => operations > 0)) / milliseconds
}

/** Share of a time in which no kernel runs: what the host does between them. */
export function shareBetween(costs: readonly KernelCost[], milliseconds: number): number {
  return 1 - timeOf(costs) / milliseconds
}

/** Milliseconds of all kernels together. */
export function timeOf(costs: readonly KernelCost[]): number {
  return costs.reduce((sum, cost) => sum + cost.milliseconds, 0)
}

/** What several counts come to together, the longest first. */
export function sumOfCosts(counts: readonly (readonly KernelCost[])[]): readonly KernelCost[] {
  const sums = new Map<KernelName, KernelCost>()
  for (const cost of counts.flat()) {
    const { name } = cost
    const sum = sums.get(name)
    sums.set(name, {
      name,
      calls: cost.calls + (sum?.calls ?? 0),
      milliseconds: cost.milliseconds + (sum?.milliseconds ?? 0),
      operations: cost.operations + (sum?.operations ?? 0),
    })
  }
  return [...sums.values()].sort((a, b) => b.milliseconds - a.milliseconds)
}
