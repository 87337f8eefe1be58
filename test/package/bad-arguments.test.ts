import { describe, expect, it } from 'vitest'
import * as library from '../../src/index.ts'

/** As a caller in plain JavaScript sees them. */
const face = library as unknown as Record<string, (...values: unknown[]) => unknown>

const { device } = await library.openDevice({ device: 'cpu' })

describe('a public function that is given what makes no sense', () => {
  it.each<[name: string, values: unknown[]]>([
    ['selfTest', [3]],
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
    ['countParameters', [null]],
    ['prepareModelForKbitTraining', [null]],
    ['evaluateLoss', [null, []]],
    ['collate', [null]],
    ['labelCount', [null]],
    ['planMemory', [null]],
    ['parseModelConfig', [null]],
    ['modelWeights', [null]],
    ['createModel', [null, new Map()]],
    ['initialWeights', [device, null, 0.1, 0]],
    ['falconRwConfig', [null]],
    ['tokenizerFromJson', [null]],
    ['promptCompletionExample', [null, null]],
    ['valueAndGrad', [null, null]],
    ['schedule', ['cosinus', 1, 0]],
    ['saveRun', [null, 'x']],
    ['openDevice', ['cpu']],
    ['openFolder', [null]],
    ['hubFolder', [null]],
    ['loadTokenizer', [null]],
    ['inspectModel', [null]],
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
