/** When AdaLoRA lowers the ranks, in PEFT's words. Steps are counted from 1. */
export interface BudgetSchedule {
  /** Steps before the budget falls. */
  readonly tinit: number
  /** Steps after it has fallen. */
  readonly tfinal: number
  /** Steps from one allotment to the next. */
  readonly deltaT: number
  readonly totalStep: number
}

/**
 * How many triplets all places together may keep at a step, falling by a cubic from `first` to `last`; `null` where
 * none are chosen at this step (peft/tuners/adalora/layer.py, RankAllocator.budget_schedule, and model.py,
 * update_and_allocate).
 */
export function budgetAt(step: number, schedule: BudgetSchedule, first: number, last: number): number | null {
  const { tinit, tfinal, deltaT, totalStep } = schedule
  const end = totalStep - tfinal
  if (step === end) return last
  if (step <= tinit || step > end || step % deltaT !== 0) return null
  const left = 1 - (step - tinit) / (end - tinit)
  return Math.trunc((first - last) * cube(left) + last)
}

/**
 * x³ of x in [0, 1], rounded once, as C's pow gives it to Python: where a budget is a whole number, a last bit counts.
 */
function cube(x: number): number {
  // 1 less a share is a whole number of 2^-53.
  return Number(BigInt(x * 2 ** 53) ** 3n) / 2 ** 159
}

/**
 * Which of all triplets a budget leaves, by their scores: those above the score that as many must not exceed. Of equal
 * scores all go (RankAllocator.mask_to_budget).
 */
export function keptOf(scores: readonly Float32Array[], budget: number): readonly (readonly boolean[])[] {
  const all = Float32Array.from(scores.flatMap((each) => [...each])).sort()
  const threshold = all[all.length - budget - 1] ?? -Infinity
  return scores.map((each) => Array.from(each, (score) => score > threshold))
}
