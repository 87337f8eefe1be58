import { check } from '../core/errors.ts'
import type { Device } from '../device/device.ts'
import { attentionTable } from '../device/register/attention-table.ts'
import { fromArray, type Tensor } from '../tensor/tensor.ts'
import type { Visibility } from './visibility.ts'

/** ALiBi's numbers (arXiv 2108.12409): what attention adds to a score is alibiScale · bfloat16(slope · position). */
export interface Alibi {
  /** [heads]. */
  readonly slopes: Float32Array
  /** [samples, keys], whole numbers of bfloat16. */
  readonly positions: Float32Array
}

/**
 * Who sees whom in a batch, and ALiBi's numbers, on the device: made once, and read by the attention of every block.
 */
export interface VisibleKeys {
  /** i32, as the kernels read it (device/register/attention-table.ts). */
  readonly table: Tensor
  readonly samples: number
  readonly queries: number
  readonly keys: number
  /** Whether keys are hidden within the range of a query. */
  readonly hasHoles: boolean
  /** Heads that have a slope; 0 without ALiBi. */
  readonly slopes: number
}

/**
 * Puts on a device who sees whom. @throws MedAwareError `shape` where there is not a position for each key; `memory`.
 */
export function visibleKeys(device: Device, visibility: Visibility, alibi?: Alibi): VisibleKeys {
  const { samples, queries, keys, ranges, holes } = visibility
  check(alibi === undefined || alibi.positions.length === samples * keys, 'shape', () => {
    return `visibleKeys: ${alibi?.positions.length} positions for ${samples} × ${keys} keys`
  })
  const numbers = attentionTable({ samples, queries, keys, ranges, mask: holes ?? undefined, alibi })
  const table = fromArray(device, numbers, [numbers.length], 'visible keys')
  return { table, samples, queries, keys, hasHoles: holes !== null, slopes: alibi?.slopes.length ?? 0 }
}
