// dV[i] = scale · (dOut[i] - its transpose) above the diagonal, row by row, for each of count; dOut [count,n,n], dV
// [count,n(n-1)/2]. One item is a matrix.

export function skewSymmetricBackward(
  dOut: usize,
  dV: usize,
  count: u32,
  n: u32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  let to = dV + ((begin * ((n * (n - 1)) >> 1)) << 2)
  for (let i = begin; i < end; i++) {
    const start = dOut + ((i * n * n) << 2)
    for (let r: u32 = 0; r < n; r++) {
      for (let c = r + 1; c < n; c++, to += 4) {
        const turned = load<f32>(start + ((c * n + r) << 2))
        store<f32>(to, scale * (load<f32>(start + ((r * n + c) << 2)) - turned))
      }
    }
  }
}
