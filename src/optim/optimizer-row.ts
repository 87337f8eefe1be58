import type { SettingsRow } from '../core/named-rows.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Optimizer, OptimizerContext } from './optimizer.ts'

/** What a table of optimizers says of one, with the settings `O`. */
export interface OptimizerRow<O extends object> extends SettingsRow<O> {
  /** Makes it with every setting filled in. */
  create(parameters: readonly Tensor[], options: Required<O> & OptimizerContext): Optimizer
}
