import type { CpuDevice } from '../src/device/cpu.ts'
import type { KernelName } from '../src/device/kernels.ts'

type Params = Readonly<Record<string, number>>

const attention = (multiplications: number) => (p: Params) => {
  const { batch = 1, heads = 1, queries = 1, keys = 1, dim = 1 } = p
  // A query at place i sees i + 1 keys.
  const seen = queries * (keys - queries) + (queries * (queries + 1)) / 2
  return 2 * multiplications * batch * heads * seen * dim
}
const product = ({ m = 1, n = 1, k = 1 }: Params) => 2 * m * n * k

/** Floating-point operations of the kernels that consist of products. */
const operationsOf: Partial<Record<KernelName, (params: Params) => number>> = {
  matmul: product,
  matmulFourBit: product,
  attention: attention(2),
  attentionBackwardQuery: attention(3),
  attentionBackwardKey: attention(4),
}

/** Calls, time and operations of one kernel. */
export interface KernelLine {
  readonly name: KernelName
  readonly calls: number
  readonly milliseconds: number
  /** 0 where they are not counted. */
  readonly operations: number
}

/** Counts from here on what a profiling device runs. */
export class KernelCount {
  readonly #device: CpuDevice
  readonly #operations = new Map<KernelName, number>()

  /** @param device Opened with `profile`. */
  constructor(device: CpuDevice) {
    this.#device = device
    const run = device.run.bind(device)
    device.run = (name, bindings, params) => {
      const count = operationsOf[name]?.(params) ?? 0
      this.#operations.set(name, (this.#operations.get(name) ?? 0) + count)
      run(name, bindings, params)
    }
    this.reset()
  }

  /** Forgets what was counted. */
  reset(): void {
    this.#device.profile?.clear()
    this.#operations.clear()
  }

  /** What was counted. */
  lines(): readonly KernelLine[] {
    return [...(this.#device.profile ?? [])].map(([name, cost]) => ({
      name,
      ...cost,
      operations: this.#operations.get(name) ?? 0,
    }))
  }
}

/** Share of the time in which neither matrix products nor attention run. */
export function shareOutside(lines: readonly KernelLine[], milliseconds: number): number {
  const inside = lines.filter(({ name }) => name in operationsOf).reduce((sum, line) => sum + line.milliseconds, 0)
  return 1 - inside / milliseconds
}

/** What several counts come to together, the longest first. */
export function sumOfLines(counts: readonly (readonly KernelLine[])[]): readonly KernelLine[] {
  const sums = new Map<KernelName, KernelLine>()
  for (const { name, calls, milliseconds, operations } of counts.flat()) {
    const sum = sums.get(name) ?? { name, calls: 0, milliseconds: 0, operations: 0 }
    sums.set(name, {
      name,
      calls: sum.calls + calls,
      milliseconds: sum.milliseconds + milliseconds,
      operations: sum.operations + operations,
    })
  }
  return [...sums.values()].sort((a, b) => b.milliseconds - a.milliseconds)
}

/** The table that `--profile` prints, of `milliseconds` in all. */
export function kernelTable(lines: readonly KernelLine[], milliseconds: number): string {
  const cells = lines.map(({ name, calls, milliseconds: ms, operations }) => [
    name,
    String(calls),
    ms.toFixed(1),
    operations === 0 ? '' : (operations / ms / 1e6).toFixed(1),
    `${((100 * ms) / milliseconds).toFixed(1)} %`,
  ])
  const between = milliseconds - lines.reduce((sum, line) => sum + line.milliseconds, 0)
  const rest = ['between kernels', '', between.toFixed(1), '', `${((100 * between) / milliseconds).toFixed(1)} %`]
  const widths = [26, 7, 10, 9, 8]
  return [['kernel', 'calls', 'ms', 'GFLOP/s', 'share'], ...cells, rest]
    .map((row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[i]!))).join(''))
    .map((text) => `  ${text.trimEnd()}`)
    .join('\n')
}
