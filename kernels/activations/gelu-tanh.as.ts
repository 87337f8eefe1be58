/** Beyond ±30 the share is 0 or 1, and a cube would overflow. */
// @inline
export function within30(x: v128): v128 {
  return f32x4.pmax(f32x4.pmin(x, f32x4.splat(30)), f32x4.splat(-30))
}

/**
 * 2u of x, u = √(2/π) (x + 0.044715 x³): by its tanh approximation GELU lets (1 + tanh(u)) / 2 = σ(2u) of x through
 * (arXiv 1606.08415). x is within ±30.
 */
// @inline
export function twiceU(x: v128): v128 {
  const rise = f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(0.044715), f32x4.mul(x, x)))
  return f32x4.mul(f32x4.mul(f32x4.splat(1.5957691216), x), rise)
}
