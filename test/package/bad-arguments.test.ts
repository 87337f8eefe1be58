import { describe, expect, it } from 'vitest'
import * as autograd from '../../src/autograd/index.ts'
import * as library from '../../src/index.ts'
import * as models from '../../src/models/index.ts'
import * as nn from '../../src/nn/index.ts'
import * as ops from '../../src/ops/index.ts'
import * as optim from '../../src/optim/index.ts'
import * as quant from '../../src/quant/index.ts'
import * as safetensors from '../../src/safetensors/index.ts'
import * as serve from '../../src/serve/index.ts'

/** As a caller in plain JavaScript sees them. */
const rooms = { ...autograd, ...models, ...nn, ...ops, ...optim, ...quant, ...safetensors, ...serve }
const face = { ...rooms, ...library } as unknown as Record<string, (...values: unknown[]) => unknown>

const { device } = await library.openDevice({ device: 'cpu' })

describe('a public function that is given what makes no sense', () => {
  it.each<[name: string, values: unknown[]]>([
    ['selfTest', [3]],
    ['createEndpoint', [null]],
    ['createEndpoint', [{}]],
    ['createEndpoint', [{ model: null, tokenizer: null }]],
    ['generateTokens', [null, [[1]]]],
    ['completeText', [null, null, 'a']],
    ['describeMemoryPlan', [null]],
    ['writeFolder', ['out', { 'a.txt': 'a' }]],
    ['writeFolder', ['out', new Map([['a.txt', 3]])]],
    ['halfFromArray', [device, 'x', [1], 'x']],
    ['halfFromArray', [device, new Float32Array(1), [1], 'x', 'f8']],
    ['fromArray', [null, new Float32Array(1), [1], 'x']],
    ['attachLora', [null, {}, { device }]],
    ['attachLora', [{}, 'q_proj', { device }]],
    ['loadModel', ['examples/medquad/base']],
    ['loadModel', [null, { device }]],
    ['loadModel', [null, device]],
    ['openAdapter', [null, 'x', { device }]],
    ['saveModel', [null, 'x']],
    ['saveAdapter', [null, 'x']],
    ['adapterFiles', [null]],
    ['quantize', [null]],
    ['registerStorageFormat', [null]],
    ['countParameters', [null]],
    ['prepareModelForKbitTraining', [null]],
    ['evaluateLoss', [null, []]],
    ['collate', [null]],
    ['labelCount', [null]],
    ['planMemory', [null]],
    ['parseModelConfig', [null]],
    ['modelWeights', [null]],
    ['modelWeights', [{}]],
    ['parseFalconConfig', [null]],
    ['parseLlamaConfig', [null]],
    ['formatFalconConfig', [null]],
    ['formatLlamaConfig', [{}]],
    ['registerArchitecture', [null]],
    ['registerArchitecture', [{}]],
    ['createModel', [null, new Map()]],
    ['initialWeights', [device, null, 0.1, 0]],
    ['falconRwConfig', [null]],
    ['tokenizerFromJson', [null]],
    ['promptCompletionExample', [null, null]],
    ['prepareExamples', [null, null]],
    ['streamExamples', [null, []]],
    ['batchExamples', [null]],
    ['splitDataset', [null]],
    ['loadDataset', [null]],
    ['applyChatTemplate', [null, null]],
    ['checkChatTemplate', [null]],
    ['valueAndGrad', [null, null]],
    ['noGrad', [null]],
    ['noGrad', [async () => 1]],
    ['schedule', ['cosinus', 1, 0]],
    ['saveRun', [null, 'x']],
    ['openDevice', ['cpu']],
    ['openFolder', [null]],
    ['hubFolder', [null]],
    ['loadTokenizer', [null]],
    ['inspectModel', [null]],
    ['hubFolder', [{ name: 'a/b' }]],
    ['fileFolder', [null]],
    ['fileFolder', ['config.json']],
    ['describeParameterCounts', [{}]],
    [
      'promptCompletionExample',
      [
        { eosToken: '</s>', eosTokenId: 2 },
        { prompt: 'a', completion: 'b' },
      ],
    ],
    ['fourBitCode', ['int4']],
    ['fourBitCode', ['toString']],
    ['fourBitDecision', [undefined]],
    ['quantizeFourBit', [new Float32Array(2)]],
    ['encodeQuantState', [null]],
    ['encodeQuantState', [{}]],
    ['findQuantState', [null, []]],
    ['findQuantState', ['w', null]],
    ['writeSafetensors', [null]],
    ['writeSafetensors', [[null]]],
    ['writeSafetensors', [[], null]],
    ['encodeSafetensorsHeader', [[{ name: 'a' }]]],
    ['streamSafetensors', [null, null]],
    ['quantizeFourBit', [new Float32Array(2), {}]],
    ['quantizeFourBit', [[1, 2], { type: 'nf4' }]],
    ['dequantizeFourBit', [undefined]],
    ['dequantizeFourBit', [{ codes: [1], absmax: [1], count: 2, type: 'nf4' }]],
    ['quantizeAbsmax', [[1, 2]]],
    ['dequantizeAbsmax', [{ codes: new Uint8Array(1), nestedAbsmax: new Float32Array(1) }]],
    ['quantizeInt8', [[1, 2], 1, 2]],
    ['dequantizeInt8', [undefined]],
    ['openSafetensors', ['model.safetensors']],
    ['openSafetensors', [new Uint8Array(8)]],
    ['bytesSource', [new ArrayBuffer(8)]],
    ['blobSource', ['model.safetensors']],
    ['urlSource', ['http://127.0.0.1:1/', null]],
    ['urlSource', ['http://127.0.0.1:1/', { signal: 3 }]],
    ['encodeFloats', [new Float32Array(1), 'float16']],
  ])('%s says so, and no TypeError of its own: case %#', async (name, values) => {
    const call = async () => {
      const given: unknown = face[name]?.(...values)
      if (typeof given === 'object' && given !== null && 'next' in given) return (given as AsyncGenerator).next()
      return given
    }
    const error: unknown = await call().then(
      () => null,
      (cause: unknown) => cause,
    )
    expect(error).toBeInstanceOf(library.MedAwareError)
  })
})

describe('a name or a kind of numbers that would have been read as something else', () => {
  const values = new Float32Array(128)

  it('is refused with the option that is meant', () => {
    const wrong = { type: 'nf4', block_size: 128 } as never
    expect(() => quant.quantizeFourBit(values, wrong)).toThrow(
      'quantizeFourBit: there is no option "block_size"; did you mean blockSize?',
    )
    const bitsandbytes = { quant_type: 'nf4' } as never
    expect(() => quant.quantizeFourBit(values, bitsandbytes)).toThrow(
      'quantizeFourBit: there is no option "quant_type"; did you mean type?',
    )
  })

  it('is refused where signed codes were read as bytes', () => {
    const weight = { codes: Uint8Array.of(255), scale: Float32Array.of(127) } as never
    expect(() => quant.dequantizeInt8(weight)).toThrow(
      'dequantizeInt8: codes must be an Int8Array, got a Uint8Array of 1',
    )
  })

  it('is refused where a file would be written beside its folder', async () => {
    for (const name of ['../x', '/x', 'a/../../x', '..\\x', '']) {
      await expect(library.writeFolder('out', new Map([[name, 'x']]))).rejects.toThrow('leads out of the folder')
    }
  })

  it('is refused where a plan is asked for what is no device', () => {
    const config = models.falconRwConfig({ vocabSize: 8, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2 })
    expect(() => library.planMemory(config, { device: {} as never })).toThrow('planMemory: device must be a device')
  })
})
