// A step of an LSTM, torch's, on one sequence: row `row` of gates[t,4h] (i, f, g, o), which has W x + b, takes
// weight[4h, h] · out[before] in; cells[row] = σ(f) cells[before] + σ(i) tanh(g), out[row] = σ(o) tanh(cells[row]).
// Without hasBefore the state before is 0. One workgroup a unit of h.
// Parts: lane-sums, sigmoid.
override LANES: u32 = 64;

struct Params {
  hidden: u32,
  row: u32,
  before: u32,
  hasBefore: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> gates: array<f32>;
@group(0) @binding(3) var<storage, read_write> cells: array<f32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;

var<workgroup> partial: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let unit = group.x + group.y * groups.x;
  let hidden = params.hidden;
  if (unit >= hidden) {
    return;
  }
  var own = vec4<f32>();
  if (params.hasBefore != 0u) {
    for (var k = lane; k < hidden; k += LANES) {
      let state = out[params.before * hidden + k];
      for (var gate = 0u; gate < 4u; gate++) {
        own[gate] += state * weight[(gate * hidden + unit) * hidden + k];
      }
    }
  }
  var z = vec4<f32>();
  for (var gate = 0u; gate < 4u; gate++) {
    z[gate] = sumOverLanes(lane, own[gate]);
  }
  if (lane != 0u) {
    return;
  }
  for (var gate = 0u; gate < 4u; gate++) {
    let at = (4u * params.row + gate) * hidden + unit;
    z[gate] += gates[at];
    gates[at] = z[gate];
  }
  // tanh(x) = 2 σ(2x) - 1.
  let s = sigmoid(z * vec4(1.0, 1.0, 2.0, 1.0));
  var cell = s.x * (2.0 * s.z - 1.0);
  if (params.hasBefore != 0u) {
    cell += s.y * cells[params.before * hidden + unit];
  }
  cells[params.row * hidden + unit] = cell;
  out[params.row * hidden + unit] = s.w * (2.0 * sigmoid(vec4(2.0 * cell)).x - 1.0);
}
