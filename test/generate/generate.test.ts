import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateTokens } from '../../src/generate/generate.ts'
import type { GenerationOptions } from '../../src/generate/generation-options.ts'
import { argmax } from '../../src/generate/sampling.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { CausalLm } from '../../src/models/causal-lm.ts'
import { testEngines } from '../device/devices.ts'
import { openFixture } from '../fixtures/open-fixture.ts'
import { ScriptedModel } from './scripted-model.ts'

/** The tokens of each row, without what follows its end. */
async function collect(model: CausalLm, prompts: number[][], options: GenerationOptions): Promise<number[][]> {
  const rows: number[][] = prompts.map(() => [])
  for await (const tokens of generateTokens(model, prompts, options)) {
    for (const [row, token] of tokens.entries()) if (token !== null) rows[row]?.push(token)
  }
  return rows
}

async function one(model: CausalLm, prompt: number[], options: GenerationOptions): Promise<number[]> {
  return (await collect(model, [prompt], options))[0] ?? []
}

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

describe.each(devices)('generateTokens on $description', (device) => {
  let model: CausalLm
  let prompt: number[]
  let continuation: number[]

  beforeAll(async () => {
    ;({ model } = await loadModel(join(import.meta.dirname, '../fixtures/tiny-falcon-rw'), { device }))
    const golden = await openFixture('tiny-falcon-rw/reference.safetensors')
    prompt = [...(await golden.readF32('prompt_ids'))]
    continuation = [...(await golden.readF32('greedy_ids'))].slice(prompt.length)
  })

  it('continues greedily as transformers does', async () => {
    expect(await one(model, prompt, { maxNewTokens: continuation.length })).toEqual(continuation)
  })

  it('says with its cache, which grows on the way, what the model says without', async () => {
    const generated = await one(model, prompt, { maxNewTokens: 80, repetitionPenalty: 1.5 })
    expect(generated).toHaveLength(80)
    for (const length of [1, 2, 40, 64, 65, 66, 79]) {
      const text = [...prompt, ...generated.slice(0, length)]
      const logits = model.lastLogits({ inputIds: Int32Array.from(text), shape: [1, text.length] })
      const values = await logits.read()
      logits.dispose()
      for (const id of new Set(text)) values[id] = (values[id] ?? 0) * ((values[id] ?? 0) < 0 ? 1.5 : 1 / 1.5)
      expect(generated[length], `token ${length}`).toBe(argmax(values))
    }
  })

  it('gives rows of a padded batch what they get alone', async () => {
    const prompts = [prompt, prompt.slice(3), [7], [9, 8, ...prompt, 3, 4]]
    const options = { maxNewTokens: 12 }
    const alone = await Promise.all(prompts.map((row) => one(model, row, options)))
    expect(await collect(model, prompts, options)).toEqual(alone)
    const drawn = { maxNewTokens: 12, doSample: true, seed: 11 }
    expect((await collect(model, prompts, drawn))[0]).toEqual(await one(model, prompt, drawn))
  })

  it('draws the same tokens from the same seed, and others from another', async () => {
    const draw = (seed: number) => one(model, prompt, { maxNewTokens: 16, doSample: true, temperature: 1.5, seed })
    expect(await draw(1)).toEqual(await draw(1))
    expect(await draw(1)).not.toEqual(await draw(2))
    const [first, second] = await collect(model, [prompt, prompt], {
      maxNewTokens: 16,
      doSample: true,
      temperature: 1.5,
    })
    expect(first).not.toEqual(second)
  })

  it('ends a row with its stop token and the batch with its last row', async () => {
    const eosTokenId = continuation[2] ?? -1
    const end = continuation.indexOf(eosTokenId) + 1
    expect(await one(model, prompt, { maxNewTokens: 8, eosTokenId })).toEqual(continuation.slice(0, end))

    const scripted = new ScriptedModel(device, 8, [[3, 2, 5], [4, 4, 4, 1], [2]])
    const steps = []
    for await (const step of generateTokens(scripted, [[5], [5, 6], [7]], { eosTokenId: [1, 2] })) steps.push(step)
    expect(steps).toEqual([
      [3, 4, 2],
      [2, 4, null],
      [null, 4, null],
      [null, 1, null],
    ])
    expect(scripted.calls.map(({ shape, attentionMask }) => [shape, [...(attentionMask ?? [])]])).toEqual([
      [
        [3, 2],
        [0, 1, 1, 1, 0, 1],
      ],
      [
        [3, 1],
        [0, 1, 1, 1, 1, 1, 0, 1, 1],
      ],
      [
        [3, 1],
        [0, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1],
      ],
      [
        [3, 1],
        [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 1, 1, 1],
      ],
    ])
  })

  it('masks nothing when no row is padded', async () => {
    const scripted = new ScriptedModel(device, 8, [[3], [4]])
    await collect(
      scripted,
      [
        [1, 2],
        [3, 4],
      ],
      { maxNewTokens: 2 },
    )
    expect(scripted.calls.map(({ attentionMask }) => attentionMask)).toEqual([undefined, undefined])
  })

  it('stops after 128 tokens by default, never at an end of text it was not told', async () => {
    expect(await one(new ScriptedModel(device, 8, [[2]]), [1], {})).toHaveLength(128)
  })

  it('takes the model out of training, for dropout, and puts it back as it was', async () => {
    const scripted = new ScriptedModel(device, 8, [[2]])
    scripted.train()
    for await (const tokens of generateTokens(scripted, [[1]], { maxNewTokens: 2 })) {
      expect([tokens, scripted.training]).toEqual([[2], true])
    }
    expect(scripted.trainings).toEqual([false, false])
  })

  describe('frees every byte', () => {
    it.each<[string, () => Promise<unknown>]>([
      ['when it ends', () => collect(model, [prompt, [7]], { maxNewTokens: 70 })],
      [
        'when it is left',
        async () => {
          for await (const tokens of generateTokens(model, [prompt, [7]])) if (tokens.length === 2) break
        },
      ],
      [
        'when the loop around it throws',
        async () => {
          const loop = async () => {
            for await (const tokens of generateTokens(model, [prompt])) throw new Error(`enough of ${tokens.length}`)
          }
          await expect(loop()).rejects.toThrow('enough of 1')
        },
      ],
      [
        'when the model refuses a token',
        () =>
          expect(one(model, [1, 99], {})).rejects.toThrow(
            "generate: prompt 0 has token 99 at 1, beyond the model's vocabulary of 64; is this the model's tokenizer?",
          ),
      ],
      [
        'when it is aborted, with the reason given',
        async () => {
          const controller = new AbortController()
          const steps: unknown[] = []
          const loop = async () => {
            for await (const step of generateTokens(model, [prompt], { signal: controller.signal })) {
              if (steps.push(step) === 3) controller.abort(new Error('the page is closed'))
            }
          }
          await expect(loop()).rejects.toThrow('the page is closed')
          expect(steps).toHaveLength(3)
        },
      ],
      [
        'when it is aborted while it reads its prompt, before it says a token',
        async () => {
          const controller = new AbortController()
          const first = generateTokens(model, [prompt], { signal: controller.signal }).next()
          controller.abort(new Error('the page is closed'))
          await expect(first).rejects.toThrow('the page is closed')
        },
      ],
      [
        'when a scope closes around it',
        async () => {
          const scope = device.memory.open()
          const steps = generateTokens(model, [prompt], { maxNewTokens: 3 })
          const first = steps.next()
          expect(scope.buffers.size).toBe(0)
          scope.close()
          expect((await first).value).toEqual([continuation[0]])
          expect((await steps.next()).value).toEqual([continuation[1]])
          await steps.return()
        },
      ],
    ])('%s', async (_, work) => {
      const before = [device.memory.liveBytes, device.memory.liveBuffers]
      await work()
      expect([device.memory.liveBytes, device.memory.liveBuffers]).toEqual(before)
    })
  })

  it('allocates nothing when it is aborted before it starts', async () => {
    device.memory.resetPeak()
    const before = device.memory.liveBytes
    await expect(one(model, prompt, { signal: AbortSignal.abort() })).rejects.toThrow('This operation was aborted')
    expect(device.memory.peakBytes).toBe(before)
  })

  it.each<[number[][], GenerationOptions, string]>([
    [[], {}, 'generate: there is no prompt'],
    [[[1], []], {}, "generate: prompt 1 is empty; give it at least one token, such as the tokenizer's end of text"],
    [[[1]], { maxNewTokens: 0 }, 'generate: maxNewTokens must be a whole number from 1, got 0'],
    [[[1]], { maxNewTokens: 1.5 }, 'generate: maxNewTokens must be a whole number from 1, got 1.5'],
    [[[1]], { topP: 2 }, 'generate: topP must be a number above 0 and at most 1, got 2'],
  ])('refuses %j with %o', async (prompts, options, message) => {
    await expect(collect(model, prompts, options)).rejects.toThrow(expect.objectContaining({ code: 'config', message }))
  })
})
