// The normal distribution, by Mills' ratio.

/// Φ(x), given exp(-x² / 2).
fn normal(x: vec4<f32>, density: vec4<f32>) -> vec4<f32> {
  let t = 1.0 / (1.0 + 0.339411255 * abs(x));
  var p = 0.0431671381 * t - 0.193664644;
  p = p * t + 0.252315870;
  p = p * t - 0.0181101728;
  p = p * t + 0.148999465;
  p = p * t + 0.131785468;
  p = p * t + 0.135506884;
  let tail = density * t * p;
  return select(1.0 - tail, tail, x < vec4<f32>());
}
