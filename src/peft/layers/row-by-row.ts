import { records } from '../../autograd/record.ts'
import { check } from '../../core/errors.ts'
import type { Shape } from '../../core/shape.ts'
import { empty, Tensor } from '../../tensor/tensor.ts'
import { type AdaptedLayer, baseName } from './adapted-layer.ts'

/**
 * Computes each row of a batch by its own adapter: rows of one adapter go together, as if they were the batch.
 * @param x [b, …]. @param names One a row; `__base__` for none.
 * @param shapeOut Of what comes out, with x's first dimension.
 * @param through What the layer gives of rows of x by one adapter; by none where it is null.
 * @throws MedAwareError `config` where there is not one name a row, `not-found` for a name the layer does not know,
 * `unsupported` where a gradient is wanted, or an adapter cannot tell rows apart.
 */
export function rowByRow(
  layer: AdaptedLayer,
  x: Tensor,
  names: readonly string[],
  shapeOut: Shape,
  through: (rows: Tensor, name: string | null) => Tensor,
): Tensor {
  const { device, shape } = x
  check(shape[0] === names.length, 'config', () => {
    return `adapter names: ${names.length} for a batch of ${shape[0] ?? 0} rows; there must be one a row`
  })
  check(!records([x, ...Object.values(layer.weights)]), 'unsupported', () => {
    return 'adapter names: a row of its own adapter has no gradient; train one adapter at a time'
  })
  const distinct = new Set(names)
  for (const name of distinct) if (name !== baseName) layer.adapter(name).checkRows()
  const by = (rows: Tensor, name: string) => through(rows, name === baseName ? null : name)
  const [first = baseName] = distinct
  if (distinct.size === 1) return by(x, first)
  const out = empty(device, shapeOut, 'rows')
  for (const name of distinct) {
    const rows = [...names.keys()].filter((row) => names[row] === name)
    const part = empty(device, [rows.length, ...shape.slice(1)], 'rows', x.dtype)
    for (const [at, row] of rows.entries()) device.copy(rowOf(x, row), rowOf(part, at))
    const y = by(part, name)
    for (const [at, row] of rows.entries()) device.copy(rowOf(y, at), rowOf(out, row))
    part.dispose()
    y.dispose()
  }
  return out
}

/** A row of a batch, as a window of its buffer. */
function rowOf({ device, shape, dtype, buffer, byteOffset, byteLength }: Tensor, row: number): Tensor {
  const [rows = 1, ...rest] = shape
  return new Tensor(device, rest, dtype, buffer, byteOffset + row * (byteLength / rows))
}
