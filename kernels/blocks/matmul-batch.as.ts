// out[i] = alpha · op(a[i]) · op(b[i]) for each of count, row-major f32. op(a): a is [m,k], or [k,m] if transA; op(b):
// b is [k,n], or [n,k] if transB. One item is 8 columns of one matrix.
import { multiplyColumns } from '../matmul/matmul.as.ts'

export function matmulBatch(
  a: usize,
  b: usize,
  out: usize,
  count: u32,
  m: u32,
  n: u32,
  k: u32,
  transA: u32,
  transB: u32,
  alpha: f32,
  begin: u32,
  end: u32,
): void {
  const shares = (n + 7) >> 3
  let item = begin
  while (item < end) {
    const i = item / shares
    const first = item - i * shares
    const last = min<u32>(shares, first + end - item)
    const atA = a + ((i * m * k) << 2)
    const atB = b + ((i * k * n) << 2)
    const to = out + ((i * m * n) << 2)
    const pitch = transA ? m : k
    multiplyColumns(atA, atB, 0, to, m, n, k, pitch, n, transA, transB, 0, alpha, first << 3, last << 3)
    item += last - first
  }
}
