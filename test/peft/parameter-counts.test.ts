import { expect, it } from 'vitest'
import { countOf } from '../../src/core/shape.ts'
import { parseFalconConfig } from '../../src/models/falcon-config.ts'
import { falconWeights } from '../../src/models/falcon.ts'
import { countWeights, type CountedWeight } from '../../src/peft/parameter-counts.ts'

it('counts QLoRA on falcon-rw-1b as PEFT does, by both of its ways', () => {
  const config = parseFalconConfig({
    ...{ model_type: 'falcon', alibi: true, multi_query: false, parallel_attn: false, bias: true },
    ...{ vocab_size: 50304, hidden_size: 2048, num_hidden_layers: 24, num_attention_heads: 32 },
  })
  const base = falconWeights(config).map(({ shape, role }): CountedWeight => {
    return { count: countOf(shape), isFourBit: role === 'projection' && shape.length === 2, isTrainable: false }
  })
  const factors = [16 * 2048, 6144 * 16].map((count): CountedWeight => ({ count, isFourBit: false, isTrainable: true }))
  const lora = Array.from({ length: 24 }, () => factors).flat()
  expect(countWeights(base)).toMatchObject({ all: 1_311_625_216, allPacked: 707_645_440, trainable: 0, share: 0 })
  const { share, sharePacked, ...counts } = countWeights([...base, ...lora])
  expect(counts).toEqual({ trainable: 3_145_728, all: 1_314_770_944, allPacked: 710_791_168 })
  // PEFT prints trainable%: 0.2393; versions before 0.5.0 printed 0.4426.
  expect([(100 * share).toFixed(4), (100 * sharePacked).toFixed(4)]).toEqual(['0.2393', '0.4426'])
})
