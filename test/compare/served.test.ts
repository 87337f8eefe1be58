import { afterAll, describe, expect, it } from 'vitest'
import { askQuestions } from '../../src/compare/choices/compare.ts'
import { comparisonOf } from '../../src/compare/choices/comparison.ts'
import { endpoint } from '../../src/compare/contenders/endpoint.ts'
import { localContender } from '../../src/compare/contenders/local-contender.ts'
import { setAdapter } from '../../src/peft/several/several-adapters.ts'
import type { Fetch } from '../../src/safetensors/http-client.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { fixture, questionsFor } from '../evaluate/evaluation-fixture.ts'
import { endpointOf, servedModel, tokenizer } from '../serve/served.ts'

const device = await openTestCpu()
afterAll(() => device.dispose())

describe('a model behind our own endpoint', async () => {
  const model = await servedModel(device)
  const key = 'a-key-of-thirty-two-characters-or-more'
  const served = endpointOf(model, { apiKeys: [key] })
  const fetch: Fetch = (address, init) => served.fetch(new Request(address, init), { client: 'test' })
  const benchmark = { task: 'medmcqa', questions: questionsFor('medmcqa', fixture.test).slice(0, 3) }
  const options = { maxTokens: 6 }

  it.each(['chat', 'completions'] as const)('answers as it does in this process, by %s', async (api) => {
    const asked = endpoint('http://localhost/v1', { model: 'strong', name: 'served', api, apiKey: key, fetch })
    const behind = await askQuestions(asked, benchmark, options)
    setAdapter(model, 'strong')
    const local = await localContender(model, tokenizer, { name: 'local', chat: api === 'chat' })
    const here = await askQuestions(local, benchmark, options)
    for (const [i, { answer }] of here.documents.entries()) {
      const { text, finish, promptTokens, completionTokens } = answer
      expect(behind.documents[i]?.answer).toMatchObject({ text, finish, promptTokens, completionTokens })
    }
    expect(here.spending.completionTokens).toBeGreaterThan(3)
    expect(comparisonOf([behind, here]).pairs[0]).toMatchObject({ onlyFirst: 0, onlySecond: 0, pValue: 1 })
  })

  it('is refused without its key, and by a name that it has not', async () => {
    const [bare, other] = [
      endpoint('http://localhost/v1', { model: 'tiny', fetch }),
      endpoint('http://localhost/v1', { model: 'nobody', fetch, apiKey: key }),
    ]
    await expect(askQuestions(bare, benchmark, options)).rejects.toThrow(/401.*it wants a key/)
    await expect(askQuestions(other, benchmark, options)).rejects.toThrow(/404.*nobody/)
  })
})
