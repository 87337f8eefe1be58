// Models of one node in ONNX's protobuf, written by hand: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto.

const types = { float32: 1, uint8: 2 }

/**
 * A model whose one node reads `inputs` (given at each call, [name, shape], f32) and `weights` ([name, shape, typed
 * array]), and writes y f32.
 */
export function model({ op, domain = '', attributes = {}, inputs, weights, outputShape }) {
  const names = [...inputs, ...weights].map(([name]) => name)
  const node = [
    ...names.map((name) => text(1, name)),
    text(2, 'y'),
    text(4, op),
    ...Object.entries(attributes).map(([name, value]) => bytes(5, [text(1, name), int(3, value), int(20, 2)])),
    text(7, domain),
  ]
  const graph = [
    bytes(1, node),
    text(2, 'one'),
    ...weights.map(([name, shape, data]) => bytes(5, tensor(name, shape, data))),
    ...inputs.map(([name, shape]) => bytes(11, valueInfo(name, shape))),
    bytes(12, valueInfo('y', outputShape)),
  ]
  const opsets = ['', 'com.microsoft'].map((name) => bytes(8, [text(1, name), int(2, name === '' ? 17 : 1)]))
  return Buffer.concat([int(1, 8), bytes(7, graph), ...opsets])
}

function tensor(name, shape, data) {
  const type = data instanceof Uint8Array ? types.uint8 : types.float32
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
  return [...shape.map((size) => int(1, size)), int(2, type), text(8, name), bytes(9, [raw])]
}

function valueInfo(name, shape) {
  const sizes = shape.map((size) => bytes(1, [int(1, size)]))
  return [text(1, name), bytes(2, [bytes(1, [int(1, types.float32), bytes(2, sizes)])])]
}

function varint(value) {
  const out = []
  for (; value > 127; value = Math.floor(value / 128)) out.push((value % 128) + 128)
  return Buffer.from([...out, value])
}

function int(field, value) {
  return Buffer.concat([varint(field * 8), varint(value)])
}

function bytes(field, parts) {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint(field * 8 + 2), varint(body.length), body])
}

function text(field, value) {
  return bytes(field, [Buffer.from(value)])
}
