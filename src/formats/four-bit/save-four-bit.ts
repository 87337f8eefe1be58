import { encodeQuantState, quantStateSuffix } from '../../quant/bitsandbytes-state.ts'
import { nestedBlockSize } from '../../quant/double-quant.ts'
import { dynamicMap } from '../../quant/dynamic-map.ts'
import { fourBitCode } from '../../quant/four-bit.ts'
import type { Lender, PlainWord, TensorsOfMatrix, TensorToSave } from '../format.ts'
import type { FourBitTensor } from './four-bit-tensor.ts'

/**
 * What bitsandbytes' Linear4bit._save_to_state_dict writes of a weight, in its order (nn/modules.py; functional.py,
 * QuantState.as_dict). The length of the state hangs on the offset's digits, so the scales of scales are looked at
 * here; all else is when it is written.
 * @param like A matrix of the same shape and format as the one that is lent.
 * @param dtype The dtype that the weight is said to have had, where it came without one.
 */
export async function saveFourBit(
  name: string,
  like: FourBitTensor,
  owner: Lender<FourBitTensor>,
  dtype: PlainWord,
): Promise<TensorsOfMatrix> {
  const { type, blockSize, codes, absmax, nested, sourceDType = dtype } = like.parts
  const plain = { quantType: type, blockSize, dtype: sourceDType, shape: like.shape }
  const scales =
    nested === null ? null : await owner.lend(async ({ parts }) => (await parts.nested?.read()) ?? noScales)
  const double = scales && { nestedBlockSize, nestedDtype: 'float32' as const, nestedOffset: scales.at(-1) ?? NaN }
  const state = encodeQuantState({ ...plain, ...double })
  const table = (suffix: string, values: Float32Array): TensorToSave => {
    return { name: `${name}.${suffix}`, dtype: 'F32', shape: [values.length], parameters: 0, bytes: async () => values }
  }
  return {
    codes: {
      ...{ name, dtype: 'U8', shape: [codes.count, 1], parameters: like.count },
      bytes: () => owner.lend(({ parts }) => parts.codes.readBytes()),
    },
    state: [
      {
        ...{ name: `${name}.absmax`, dtype: scales ? 'U8' : 'F32', shape: [absmax.count], parameters: 0 },
        bytes: () => owner.lend(({ parts }) => parts.absmax.readBytes()),
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

const noScales = new Float32Array(0)
