import { duration } from '../../trainer/progress/duration.ts'
import type { ProgressLine } from '../../trainer/progress/progress-line.ts'

/** Shows how far a contender is, by its answers since it is asked: those that were known came at once. */
export function askingLine(progress: ProgressLine): (done: number, total: number, contender: string) => void {
  let [last, before] = ['', 0]
  return (done, total, contender) => {
    if (contender !== last) [last, before] = [contender, done - 1]
    progress.status(`asking ${contender}`, (elapsed) => {
      const rate = (1000 * (done - before)) / Math.max(1, elapsed)
      return `asking ${contender}  ${done}/${total}  ${rate.toFixed(2)}/s  ${duration((total - done) / rate)} left`
    })
  }
}
