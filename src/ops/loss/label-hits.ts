import { empty, type Tensor } from '../../tensor/tensor.ts'

/**
 * Which labels are the likeliest of their rows, without history: f32 [n, 1], 1 where logits f32 [n, v] have the first
 * of their largest at the label, i32 with n elements, else 0.
 */
export function labelHits(labels: Tensor, logits: Tensor): Tensor {
  const { device, columns: vocab, rows } = logits
  const hits = empty(device, [rows, 1], 'likeliest labels of rows')
  device.run('labelHits', { labels, logits, hits }, { rows, vocab })
  return hits
}
