import { encodeQuantState, quantStateSuffix, type QuantState } from '../../quant/bitsandbytes-state.ts'
import { nestedBlockSize } from '../../quant/double-quant.ts'
import { dynamicMap } from '../../quant/dynamic-map.ts'
import { fourBitCode } from '../../quant/four-bit.ts'
import type { FourBitTensor } from '../../tensor/four-bit-tensor.ts'
import type { Int8Tensor } from '../../tensor/int8-tensor.ts'
import type { TensorToSave } from './tensors-to-save.ts'
import { int8Companions } from '../load/checkpoint.ts'

/** A matrix of a quantised format. */
export type StoredMatrix = FourBitTensor | Int8Tensor

/** Shows a matrix to `use`, which is done with it when it resolves: the matrix may be made for each look. */
export type Lend<M extends StoredMatrix> = <T>(use: (matrix: M) => Promise<T>) => Promise<T>

/**
 * What bitsandbytes' Linear4bit._save_to_state_dict writes of a weight, in its order (nn/modules.py; functional.py,
 * QuantState.as_dict): the codes, and apart from them what comes behind the layer's bias. The length of the state hangs on the
 * offset's digits, so the scales of scales are looked at here; all else is when it is written.
 * @param like A matrix of the same shape and format as the one that is lent.
 * @param dtype The dtype that the weight is said to have had, where it came without one.
 */
export async function fourBitTensors(
  name: string,
  like: FourBitTensor,
  lend: Lend<FourBitTensor>,
  dtype: QuantState['dtype'],
): Promise<{ codes: TensorToSave; state: TensorToSave[] }> {
  const { type, blockSize, codes, absmax, nested, sourceDType = dtype } = like.parts
  const plain = { quantType: type, blockSize, dtype: sourceDType, shape: like.shape }
  const scales = nested === null ? null : await lend(({ parts }) => parts.nested?.read() ?? nothing())
  const double = scales && { nestedBlockSize, nestedDtype: 'float32' as const, nestedOffset: scales.at(-1) ?? NaN }
  const state = encodeQuantState({ ...plain, ...double })
  const table = (suffix: string, values: Float32Array): TensorToSave => {
    return { name: `${name}.${suffix}`, dtype: 'F32', shape: [values.length], parameters: 0, bytes: async () => values }
  }
  return {
    codes: {
      ...{ name, dtype: 'U8', shape: [codes.count, 1], parameters: like.count },
      bytes: () => lend(({ parts }) => parts.codes.readBytes()),
    },
    state: [
      {
        ...{ name: `${name}.absmax`, dtype: scales ? 'U8' : 'F32', shape: [absmax.count], parameters: 0 },
        bytes: () => lend(({ parts }) => parts.absmax.readBytes()),
      },
      table('quant_map', fourBitCode(type)),
      ...(scales ? [table('nested_absmax', scales.slice(0, -1)), table('nested_quant_map', dynamicMap(true))] : []),
      {
        ...{ name: `${name}.${quantStateSuffix(type)}`, dtype: 'U8', shape: [state.length], parameters: 0 },
        bytes: async () => state,
      },
    ],
  }
}

/** What bitsandbytes' Linear8bitLt._save_to_state_dict writes of a weight (nn/modules.py), parted as `fourBitTensors`. */
export function int8Tensors(
  name: string,
  like: Int8Tensor,
  lend: Lend<Int8Tensor>,
): { codes: TensorToSave; state: TensorToSave[] } {
  const [scale, format] = int8Companions(name)
  return {
    codes: {
      ...{ name, dtype: 'I8', shape: like.shape, parameters: like.count },
      bytes: () => lend(({ parts }) => parts.codes.readBytes()),
    },
    state: [
      {
        ...{ name: scale, dtype: 'F32', shape: [like.parts.scale.count], parameters: 0 },
        bytes: () => lend(({ parts }) => parts.scale.readBytes()),
      },
      // 0: rows, the one order of bytes that bitsandbytes still writes.
      { name: format, dtype: 'U8', shape: [], parameters: 0, bytes: async () => Uint8Array.of(0) },
    ],
  }
}

async function nothing(): Promise<Float32Array> {
  return new Float32Array(0)
}
