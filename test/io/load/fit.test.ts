import { afterAll, describe, expect, it } from 'vitest'
import { inspectModel } from '../../../src/io/plan/inspect-model.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { parseModelConfig } from '../../../src/models/architectures.ts'
import { checkpointOf } from '../../../src/io/load/checkpoint.ts'
import { fittingWeights } from '../../../src/io/load/fit.ts'
import type { TensorReader } from '../../../src/safetensors/reader.ts'
import { writeSafetensors, type TensorToWrite } from '../../../src/safetensors/writer.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { logitsOf } from '../../golden/model-checks.ts'
import { filesOf, tensorsOf } from '../tiny-files.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())
const bytes = async (file: string) => Uint8Array.from(await readFixture(file))
const jsonOf = async (folder: string) =>
  JSON.parse(new TextDecoder().decode(await bytes(`${folder}/config.json`))) as Record<string, unknown>

const buffer = (name: string, ...shape: number[]): TensorToWrite => {
  return { name, dtype: 'F32', shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) }
}

describe('a checkpoint with buffers that were saved once', () => {
  const layers = (end: string) => [0, 1].map((i) => [`model.layers.${i}.${end}`, `transformer.h.${i}.${end}`] as const)
  it.each([
    [
      'tiny-family/falcon3',
      [
        ...layers('self_attn.rotary_emb.inv_freq').map(([name]) => buffer(name, 2)),
        ...layers('self_attn.bias').map(([name]) => buffer(name, 1, 1, 8, 8)),
        ...layers('self_attn.masked_bias').map(([name]) => buffer(name)),
        ...layers('attn.bias').map(([name]) => buffer(name, 8, 8)),
        buffer('model.rotary_emb.inv_freq', 2),
        buffer('model.masked_bias', 1),
      ],
    ],
    [
      'tiny-family/falcon-7b',
      [
        ...layers('self_attention.rotary_emb.inv_freq').map(([, name]) => buffer(name, 2)),
        ...layers('self_attention.maybe_rotary.inv_freq').map(([, name]) => buffer(name, 2)),
        ...layers('self_attention.scale_mask_softmax.causal_mask').map(([, name]) => buffer(name, 1, 1, 8, 8)),
        ...layers('self_attention.masked_bias').map(([, name]) => buffer(name)),
        buffer('transformer.rotary_emb.inv_freq', 2),
        buffer('transformer.alibi', 4, 1, 8),
      ],
    ],
    ['tiny-family/gemma3', [buffer('model.rotary_emb.inv_freq', 2), buffer('model.rotary_emb_local.inv_freq', 2)]],
  ])('loads and is told as without: %s', async (folder, buffers) => {
    const config = await bytes(`${folder}/config.json`)
    const plain = await bytes(`${folder}/model.safetensors`)
    const old = writeSafetensors([...(await tensorsOf(plain)), ...buffers])
    const logits = []
    const told: string[] = []
    for (const weights of [plain, old]) {
      const files = filesOf({ 'config.json': config, 'model.safetensors': weights })
      const { model } = await loadModel(files, { device, onWarning: (message) => told.push(message) })
      logits.push(await logitsOf(model, { inputIds: Int32Array.of(3, 17, 5), shape: [1, 3] }))
      model.dispose()
      expect((await inspectModel(files)).kind).toBe('model')
    }
    expect(logits[1]).toEqual(logits[0])
    const buffersTold = told.filter((message) => message.includes('passed over'))
    expect(buffersTold).toEqual([
      expect.stringMatching(`: ${buffers.length} buffers that were saved once are passed over.*rotary_emb.inv_freq`),
    ])
  })

  it('is still refused for a tensor that only ends like one', async () => {
    const folder = 'tiny-family/falcon3'
    const extra = buffer('model.layers.0.self_attn.q_proj.bias', 16)
    const weights = writeSafetensors([...(await tensorsOf(await bytes(`${folder}/model.safetensors`))), extra])
    const files = filesOf({ 'config.json': await bytes(`${folder}/config.json`), 'model.safetensors': weights })
    await expect(loadModel(files, { device })).rejects.toThrow(`${extra.name} is not expected`)
  })
})

describe('a header that has little to do with its config', () => {
  // A list of that many layers would not be made in this time, on any machine.
  it(
    'is refused before anything is listed where the config has layers beyond number',
    { timeout: 30_000 },
    async () => {
      const folder = 'tiny-family/falcon3'
      const weights = await bytes(`${folder}/model.safetensors`)
      for (const count of [1e9, 5000]) {
        const config = JSON.stringify({ ...(await jsonOf(folder)), num_hidden_layers: count })
        const files = filesOf({ 'config.json': config, 'model.safetensors': weights })
        const error = await loadModel(files, { device }).catch((cause: unknown) => cause)
        expect(String(error)).toMatch(
          /config\.json has 5000 layers, the checkpoint 21 tensors|num_hidden_layers|1000000000 layers/,
        )
      }
    },
  )

  // Looking each name up in a list of the others would take minutes.
  it(
    'is compared in one pass and told in a few words, with many names of any length',
    { timeout: 60_000 },
    async () => {
      const config = parseModelConfig(await jsonOf('tiny-family/falcon3'))
      const info = { dtype: 'F32', shape: [1], begin: 0, end: 4 } as const
      const names = Array.from({ length: 2e5 }, (_, i) => `model.layers.${i}.weight.absmax`)
      const reader = {
        names: ['x'.repeat(1e5), ...names],
        has: (name: string) => name !== 'lm_head.weight',
        info: () => info,
      }
      let message = ''
      try {
        fittingWeights(checkpointOf(reader as unknown as TensorReader), { ...config, numHiddenLayers: 2000 }, 'big')
      } catch (error) {
        message = String(error)
      }
      expect(message).toMatch(/lm_head\.weight is missing, x{200}…/)
      expect(message).toMatch(/ and \d{6} more$/)
      expect(message.length).toBeLessThan(2000)
    },
  )
})
