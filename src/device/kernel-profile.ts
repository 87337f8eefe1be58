import type { KernelName } from './register/kernels.ts'
import type { Params } from './register/param-type.ts'

/** What the calls of one kernel cost. */
export interface KernelCost {
  readonly name: KernelName
  readonly calls: number
  readonly milliseconds: number
  /** Floating-point operations of a kernel that consists of products, a multiply-add as two; 0 for any other. */
  readonly operations: number
}

const product = ({ m = 0, n = 0, k = 0 }: Params) => 2 * m * n * k
const attention =
  (products: number) =>
  ({ batch = 0, heads = 0, queries = 0, keys = 0, dim = 0 }: Params) => {
    // The query at place i sees keys - queries + i + 1 keys.
    const seen = queries * (keys - queries) + (queries * (queries + 1)) / 2
    return 2 * products * batch * heads * seen * dim
  }

const operationsOf: Partial<Record<KernelName, (params: Params) => number>> = {
  matmul: product,
  matmulStored: product,
  attention: attention(2),
  attentionBackwardQuery: attention(3),
  attentionBackwardKey: attention(4),
}

/** Floating-point operations of a call, as in `KernelCost`. */
export function operationsIn(name: KernelName, params: Params): number {
  return operationsOf[name]?.(params) ?? 0
}

/** Where a device's time goes, kernel by kernel. */
export class KernelProfile {
  readonly #costs = new Map<KernelName, { -readonly [K in keyof KernelCost]: KernelCost[K] }>()

  /** Called by the device after each kernel. It counts in place: what it takes is part of a step that it measures. */
  add(name: KernelName, params: Params, milliseconds: number): void {
    let cost = this.#costs.get(name)
    if (cost === undefined) this.#costs.set(name, (cost = { name, calls: 0, milliseconds: 0, operations: 0 }))
    cost.calls++
    cost.milliseconds += milliseconds
    cost.operations += operationsIn(name, params)
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#costs.clear()
  }

  /** What was counted since the start or the last `reset`, the longest first. */
  costs(): readonly KernelCost[] {
    return Array.from(this.#costs.values(), (cost) => ({ ...cost })).sort((a, b) => b.milliseconds - a.milliseconds)
  }

  /**
   * The same as a table: calls, milliseconds, GFLOP/s where operations are counted, and share of the whole time.
   * @param milliseconds The whole time; what is left of it is in the last line.
   */
  table(milliseconds: number): string {
    return kernelTable(this.costs(), milliseconds)
  }
}

/** What `KernelProfile.table` says, of any costs. */
export function kernelTable(costs: readonly KernelCost[], milliseconds: number): string {
  const share = (part: number) => `${((100 * part) / milliseconds).toFixed(1)} %`
  const between = milliseconds - costs.reduce((sum, cost) => sum + cost.milliseconds, 0)
  const rows = [
    ['kernel', 'calls', 'ms', 'GFLOP/s', 'share'],
    ...costs.map(({ name, calls, milliseconds: ms, operations }) => {
      return [name, String(calls), ms.toFixed(1), operations === 0 ? '' : (operations / ms / 1e6).toFixed(1), share(ms)]
    }),
    ['between kernels', '', between.toFixed(1), '', share(between)],
  ]
  return rows
    .map(([name = '', ...cells]) => `  ${name.padEnd(26)}${cells.map((cell) => cell.padStart(10)).join('')}`.trimEnd())
    .join('\n')
}
