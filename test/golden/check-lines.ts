import type { Check, LeftOut } from './check.ts'

/** The report of checks: a line each, and how many came out which way. */
export class CheckLines {
  passed = 0
  failed = 0
  unsupported = 0
  leftOut = 0

  /** @param width Of a check's name and of its device's. */
  constructor(private readonly width: readonly [name: number, device: number] = [96, 34]) {}

  print(name: string, device: string, check: Check | LeftOut): void {
    const head = `${name.padEnd(this.width[0])} ${device.padEnd(this.width[1])}`
    if ('unsupported' in check) {
      this.unsupported++
      console.log(`${head} not supported yet: ${check.unsupported}`)
    } else if ('leftOut' in check) {
      this.leftOut++
      console.log(`${head} left out: ${check.leftOut}`)
    } else {
      this[check.ok ? 'passed' : 'failed']++
      const { error, bound, ok } = check
      console.log(`${head} error ${error.toExponential(2)}  bound ${bound.toExponential(0)}  ${ok ? 'ok' : 'FAILED'}`)
    }
  }

  /** Of a process: 1 where a check failed, or none passed. */
  get exitCode(): 0 | 1 {
    return this.failed > 0 || this.passed === 0 ? 1 : 0
  }
}
