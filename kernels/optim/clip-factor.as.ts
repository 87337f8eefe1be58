// norm = sqrt(Σ squares over count); clip[0] = maxNorm > 0 ? min(1, maxNorm / (norm + 1e-6)) : 1; clip[1] = norm. A
// norm that is not finite gives clip[0] = 0, which `adamw` passes over. torch.nn.utils.clip_grad_norm_. One item in
// all.
export function clipFactor(squares: usize, clip: usize, count: u32, maxNorm: f32, begin: u32, end: u32): void {
  if (begin >= end) return
  let total: f64 = 0
  for (let i: u32 = 0; i < count; i++) total += <f64>load<f32>(squares + (i << 2))
  const norm = Math.sqrt(total)
  const factor: f32 = maxNorm > 0 ? <f32>min<f64>(1, <f64>maxNorm / (norm + 1e-6)) : 1
  store<f32>(clip, isFinite<f32>(<f32>norm) ? factor : 0)
  store<f32>(clip, <f32>norm, 4)
}
