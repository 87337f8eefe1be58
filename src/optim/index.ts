/**
 * What makes steps of gradients: optimizers with clipping on the device, and learning rate schedules, each with a table
 * by name.
 * @packageDocumentation
 */
export { AdamW, type AdamWOptions, type AdamWSettings } from './adamw.ts'
export { AdamW8bit, type AdamW8bitOptions, type AdamW8bitSettings } from './adamw-8bit.ts'
export { clipFactor } from './clipping.ts'
export { Lion, type LionOptions, type LionSettings } from './lion.ts'
export { Muon, type MuonOptions, type MuonSettings } from './muon.ts'
export type { OptimizerRow } from './optimizer-row.ts'
export type { Optimizer, OptimizerContext, OptimizerFactory, StateTensor } from './optimizer.ts'
export {
  type OptimizerChoice,
  type OptimizerName,
  type OptimizerSpec,
  registerOptimizer,
  type ResolvedOptimizer,
} from './optimizers.ts'
export { PackedOptimizer, type PackedStep, type Packing, type State } from './packed-optimizer.ts'
export { Sgd, type SgdOptions, type SgdSettings } from './sgd.ts'
export type { MetricFollower, Schedule, ScheduleContext, ScheduleRow } from './schedules/schedule.ts'
export {
  registerSchedule,
  schedule,
  type ScheduleChoice,
  type ScheduleFunction,
  type ScheduleName,
  type ScheduleSpec,
} from './schedules/schedules.ts'
