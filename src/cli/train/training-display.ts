import type { Device } from '../../device/device.ts'
import type { ProgressLine } from '../../trainer/progress/progress-line.ts'
import type { TrainerCallback } from '../../trainer/trainer-callback.ts'

/** What is told while a model is loaded and rows are read. */
export type LoadingDisplay = Pick<ProgressLine, 'load' | 'rows' | 'warn'>

/** How a training is shown while it goes on. */
export interface TrainingDisplay extends LoadingDisplay {
  /** The device that was opened, and why that one. */
  opened(device: Device, reason: string): void
  /** Hears of the training. */
  readonly callback: TrainerCallback
  /** Takes away what must not stay, before anything else is written. */
  close(ending: 'done' | 'stopped' | 'failed'): void
}
