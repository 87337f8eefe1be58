// Multiply-adds that never leave the registers: sixteen sums an invocation, so that no addition waits for the one
// before.
override STEPS: u32 = 1024;

@group(0) @binding(0) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let scale = vec4<f32>(0.999 + f32(id.x) * 1e-9);
  let shift = vec4<f32>(0.001);
  var a = vec4<f32>(f32(id.x));
  var b = a + 1.0;
  var c = a + 2.0;
  var d = a + 3.0;
  for (var step = 0u; step < STEPS; step++) {
    a = fma(a, scale, shift);
    b = fma(b, scale, shift);
    c = fma(c, scale, shift);
    d = fma(d, scale, shift);
    a = fma(a, scale, shift);
    b = fma(b, scale, shift);
    c = fma(c, scale, shift);
    d = fma(d, scale, shift);
  }
  let sum = a + b + c + d;
  out[id.x] = sum.x + sum.y + sum.z + sum.w;
}
