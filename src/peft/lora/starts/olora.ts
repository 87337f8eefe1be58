import { matrixOf } from '../../../core/linear-algebra/dense-matrix.ts'
import { thinQr } from '../../../core/linear-algebra/thin-qr.ts'
import type { BaseStart } from './base-start.ts'

/**
 * OLoRA: the first columns of Q and rows of R of the base's weight W = Q R: A = R[:r], B = Q[:, :r]. Its signs are
 * torch's. arXiv 2406.01775; peft/tuners/lora/layer.py, olora_init.
 */
export const olora: BaseStart = {
  besideWeight: null,
  factors: ({ values, rows, columns }, rank) => {
    const { q, r } = thinQr(matrixOf(values, rows, columns), rank)
    return { a: Float32Array.from(r.values), b: Float32Array.from(q.values) }
  },
}
