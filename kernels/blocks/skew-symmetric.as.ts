// out[i] [n,n] for each of count: scale · v[i] above the diagonal, row by row, the same negated below, and `diagonal`
// on it. v [count,n(n-1)/2]. One item is a matrix.

export function skewSymmetric(
  v: usize,
  out: usize,
  count: u32,
  n: u32,
  scale: f32,
  diagonal: f32,
  begin: u32,
  end: u32,
): void {
  let from = v + ((begin * ((n * (n - 1)) >> 1)) << 2)
  for (let i = begin; i < end; i++) {
    const start = out + ((i * n * n) << 2)
    for (let r: u32 = 0; r < n; r++) {
      store<f32>(start + ((r * n + r) << 2), diagonal)
      for (let c = r + 1; c < n; c++, from += 4) {
        const value = scale * load<f32>(from)
        store<f32>(start + ((r * n + c) << 2), value)
        store<f32>(start + ((c * n + r) << 2), -value)
      }
    }
  }
}
