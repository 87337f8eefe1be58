// The logistic function.

/// 1 / (1 + e^-x), without an infinity on the way.
fn sigmoid(x: vec4<f32>) -> vec4<f32> {
  return 1.0 / (1.0 + exp(min(-x, vec4(87.0))));
}
