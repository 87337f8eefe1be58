import { expect, it } from 'vitest'
import { DryDevice } from '../../src/device/dry-device.ts'
import { dryWeights } from '../../src/io/plan/dry-weights.ts'
import { parseFalconConfig } from '../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../src/models/falcon/falcon.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { countParameters, describeParameterCounts } from '../../src/peft/parameter-counts.ts'
import { FourBitTensor } from '../../src/formats/four-bit/four-bit-tensor.ts'

/** Falcon-RW-1B in its true shapes, on a device that holds nothing. */
function falcon1b(device: DryDevice): FalconForCausalLM {
  const config = parseFalconConfig({
    ...{ model_type: 'falcon', alibi: true, multi_query: false, parallel_attn: false, bias: true },
    ...{ vocab_size: 50304, hidden_size: 2048, num_hidden_layers: 24, num_attention_heads: 32 },
  })
  return new FalconForCausalLM(config, dryWeights(device, modelWeights(config), { quantize: {} }))
}

it('counts QLoRA on falcon-rw-1b as PEFT does, by both of its ways', () => {
  const device = new DryDevice('cpu')
  const model = falcon1b(device)
  expect(countParameters(model.setRequiresGrad(false))).toEqual({
    ...{ trainable: 0, all: 1_311_625_216, allPacked: 707_645_440, share: 0, sharePacked: 0 },
  })
  attachLora(model, { r: 16, loraAlpha: 32, targetModules: ['query_key_value'] }, { device })
  const counted = countParameters(model)
  const { share, sharePacked, ...counts } = counted
  expect(counts).toEqual({ trainable: 3_145_728, all: 1_314_770_944, allPacked: 710_791_168 })
  // PEFT prints trainable%: 0.2393; versions before 0.5.0 printed 0.4426.
  expect([(100 * share).toFixed(4), (100 * sharePacked).toFixed(4)]).toEqual(['0.2393', '0.4426'])
  expect(describeParameterCounts(counted)).toBe(
    'trainable params: 3,145,728 || all params: 1,314,770,944 || trainable%: 0.2393',
  )
})

it('holds the projections of falcon-rw-1b in 623,149,056 bytes of double-quantised NF4', () => {
  const weights = [...falcon1b(new DryDevice('cpu')).namedWeights()].map(([, weight]) => weight)
  const packed = weights.filter((weight) => weight instanceof FourBitTensor)
  expect(packed).toHaveLength(96)
  // The mean that each matrix's maxima are stored around stands behind them here, in bitsandbytes' JSON there.
  const offsets = 4 * packed.length
  expect(packed.reduce((sum, { byteLength }) => sum + byteLength, 0) - offsets).toBe(623_149_056)
})

it('counts models alone', () => {
  expect(() => countParameters({} as never)).toThrow(
    "countParameters: model must be a model, such as loadModel's, got {}",
  )
})
