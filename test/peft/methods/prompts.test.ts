import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { valueAndGrad } from '../../../src/autograd/value-and-grad.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { testEngines } from '../../device/devices.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

/** What PEFT saved, and whether its file is what was trained. */
const kinds = [
  { kind: 'prompt-tuning', isWhole: true },
  { kind: 'prefix-tuning', isWhole: true },
  { kind: 'prefix-tuning-projected', isWhole: false },
  { kind: 'p-tuning', isWhole: false },
  { kind: 'p-tuning-lstm', isWhole: false },
]
const { batch, labels } = await tinyBatch()

describe.each(await testEngines())('prompts that PEFT trained, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const configOf = async (kind: string) => tinyText(`adapters/${kind}/adapter_config.json`)
  const load = async (kind: string, trainable = false) =>
    loadAdapter(model, await configOf(kind), await tinyFile(`adapters/${kind}/adapter_model.safetensors`), {
      trainable,
    })

  it.each(kinds)('$kind: logits and loss are its, and without it the model’s own', async ({ kind }) => {
    const own = await model.forward(batch).read()
    const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
    const adapter = await load(kind)
    expect(maxDifference(await model.forward(batch).read(), await reference.readF32('logits'))).toBeLessThan(1e-4)
    expect(maxDifference(await model.loss(batch, labels).read(), await reference.readF32('loss'))).toBeLessThan(1e-5)
    adapter.setEnabled(false)
    expect(await model.forward(batch).read()).toEqual(own)
    adapter.detach()
    expect(await model.forward(batch).read()).toEqual(own)
  })

  it.each(kinds)('$kind: gradients of what it trains are its', async ({ kind, isWhole }) => {
    const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
    const config = JSON.parse(await configOf(kind)) as Record<string, unknown>
    const adapter = isWhole ? await load(kind, true) : attachAdapter(model, fromFile(config))
    for (const [name, tensor] of isWhole ? [] : adapter.namedTrainableParameters()) {
      tensor.write(await reference.readF32(`weights.${name}`))
    }
    const named = [...adapter.namedTrainableParameters()].map(([name, tensor]) => {
      return [name === 'prompt_embeddings' ? 'prompt_encoder.embedding.weight' : name, tensor] as const
    })
    const wantedNames = reference.names.filter((name) => name.startsWith('grad.')).map((name) => name.slice(5))
    expect(named.map(([name]) => name).sort()).toEqual(wantedNames.sort())
    for (const isCheckpointing of [false, true]) {
      model.gradientCheckpointing = isCheckpointing
      const { loss, grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
      expect(maxDifference(await loss.read(), await reference.readF32('loss'))).toBeLessThan(1e-5)
      expect(grads.size).toBe(named.length)
      for (const [name, tensor] of named) {
        const wanted = await reference.readF32(`grad.${name}`)
        const given = (await grads.get(tensor)?.read()) ?? []
        expect(maxDifference(given, wanted) / maxMagnitude(wanted), name).toBeLessThan(1e-3)
      }
    }
  })

  it.each(kinds)('$kind: saved again, its files are the same bytes', async ({ kind }) => {
    const files = await adapterFiles(await load(kind))
    const name = 'adapter_model.safetensors'
    expect(files.get(name)).toEqual(new Uint8Array(await readFixture(`tiny-falcon-rw/adapters/${kind}/${name}`)))
    const config = (await configOf(kind)).replace('0.21.2', '0.21.0')
    expect(new TextDecoder().decode(files.get('adapter_config.json'))).toBe(config)
  })
})

/** A file's config as options. */
function fromFile(config: Record<string, unknown>): { peftType: string } {
  const camel = (key: string) => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const left = new Set(['inference_mode', 'peft_version', 'auto_mapping'])
  const fields = Object.entries(config).filter(([key]) => !left.has(key))
  return Object.fromEntries(fields.map(([key, value]) => [camel(key), value])) as { peftType: string }
}
