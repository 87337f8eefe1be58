// norm = sqrt(Σ squares over count); clip[0] = maxNorm > 0 ? min(1, maxNorm / (norm + 1e-6)) : 1; clip[1] = norm. A
// norm that is not finite gives clip[0] = 0, which `adamw` passes over. torch.nn.utils.clip_grad_norm_. One workgroup.
override LANES: u32 = 64;

struct Params {
  count: u32,
  maxNorm: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> squares: array<f32>;
@group(0) @binding(2) var<storage, read_write> clip: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(@builtin(local_invocation_index) lane: u32) {
  var sum = 0.0;
  for (var i = lane; i < params.count; i += LANES) {
    sum += squares[i];
  }
  partial[lane] = sum;
  workgroupBarrier();
  if (lane == 0u) {
    var total = 0.0;
    for (var i = 0u; i < LANES; i++) {
      total += partial[i];
    }
    let norm = sqrt(total);
    let factor = select(1.0, min(1.0, params.maxNorm / (norm + 1e-6)), params.maxNorm > 0.0);
    // By its bits: WGSL may take for granted that no number is NaN or infinite.
    let isFinite = (bitcast<u32>(norm) & 0x7f800000u) != 0x7f800000u;
    clip[0] = select(0.0, factor, isFinite);
    clip[1] = norm;
  }
}
