// The way back through a step of lstmCell: d out[row] = dOut[row] + weightᵀ dGates[after] gives dGates[row], before the
// gates' functions, and what is left for the cell before in dCell[h], which has what comes from the step after. Without
// hasAfter, or hasBefore, there is no such step. One workgroup 8 units of h, over slices of the 4h rows of weight.
// Parts: sigmoid.
override LANES: u32 = 64;

struct Params {
  hidden: u32,
  row: u32,
  before: u32,
  hasBefore: u32,
  after: u32,
  hasAfter: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dOut: array<f32>;
@group(0) @binding(2) var<storage, read> gates: array<f32>;
@group(0) @binding(3) var<storage, read> cells: array<f32>;
@group(0) @binding(4) var<storage, read> weight: array<f32>;
@group(0) @binding(5) var<storage, read_write> dGates: array<f32>;
@group(0) @binding(6) var<storage, read_write> dCell: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let hidden = params.hidden;
  let unit = (group.x + group.y * groups.x) * 8u + lane % 8u;
  var part = 0.0;
  if (params.hasAfter != 0u && unit < hidden) {
    for (var k = lane / 8u; k < 4u * hidden; k += LANES / 8u) {
      part += weight[k * hidden + unit] * dGates[4u * params.after * hidden + k];
    }
  }
  partial[lane] = part;
  workgroupBarrier();
  if (lane >= 8u || unit >= hidden) {
    return;
  }
  let at = params.row * hidden + unit;
  var d = dOut[at];
  for (var slice = 0u; slice < LANES / 8u; slice++) {
    d += partial[8u * slice + lane];
  }
  var z = vec4<f32>();
  for (var gate = 0u; gate < 4u; gate++) {
    z[gate] = gates[(4u * params.row + gate) * hidden + unit];
  }
  // tanh(x) = 2 σ(2x) - 1.
  let s = sigmoid(z * vec4(1.0, 1.0, 2.0, 1.0));
  let squashed = 2.0 * sigmoid(vec4(2.0 * cells[at])).x - 1.0;
  let g = 2.0 * s.z - 1.0;
  var cell = d * s.w * (1.0 - squashed * squashed);
  if (params.hasAfter != 0u) {
    cell += dCell[unit];
  }
  var before = 0.0;
  if (params.hasBefore != 0u) {
    before = cells[params.before * hidden + unit];
  }
  dCell[unit] = cell * s.y;
  let slopes = vec4(s.x * (1.0 - s.x), s.y * (1.0 - s.y), 1.0 - g * g, s.w * (1.0 - s.w));
  let own = vec4(cell * g, cell * before, cell * s.x, d * squashed) * slopes;
  for (var gate = 0u; gate < 4u; gate++) {
    dGates[(4u * params.row + gate) * hidden + unit] = own[gate];
  }
}
