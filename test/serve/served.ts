import OpenAI from 'openai'
import type { Device } from '../../src/device/device.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { attachLora } from '../../src/peft/attach.ts'
import { createEndpoint, type Endpoint, type EndpointOptions } from '../../src/serve/index.ts'
import { tinyLlama, tokenizers } from '../evaluate/evaluation-fixture.ts'

/** ChatML, by a template that refuses what it does not know. */
const chatTemplate = `{% for message in messages %}{% if message.role not in ['system', 'user', 'assistant'] %}{{ raise_exception('no such role') }}{% endif %}<|{{ message.role }}|>{{ message.content }}
{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}`

export const tokenizer = { ...tokenizers.plain, chatTemplate }

/** A tiny Llama with two adapters that say something else: `mild` and `strong`. */
export async function servedModel(device: Device) {
  const { model } = await loadModel(tinyLlama, { device })
  const drawn = { r: 4, targetModules: 'all-linear', initLoraWeights: false } as const
  attachLora(model, { ...drawn, loraAlpha: 8 }, { device, name: 'mild', seed: 1 }).setRequiresGrad(false)
  attachLora(model, { ...drawn, loraAlpha: 800 }, { device, name: 'strong', seed: 2 }).setRequiresGrad(false)
  return model
}

export type Model = Awaited<ReturnType<typeof servedModel>>

export function endpointOf(model: Model, options: Partial<EndpointOptions> = {}): Endpoint {
  return createEndpoint({ model, tokenizer, name: 'tiny', ...options })
}

/** OpenAI's own client, with the endpoint where the network would be. */
export function clientOf(endpoint: Endpoint, apiKey = 'none'): OpenAI {
  return new OpenAI({
    ...{ apiKey, baseURL: 'http://localhost/v1', maxRetries: 0 },
    async fetch(input, init) {
      const response = await endpoint.fetch(new Request(input, init), { client: 'test' })
      // No answer reaches who has hung up.
      init?.signal?.throwIfAborted()
      return response
    },
  })
}

/** Asks as a program without a client does. */
export async function post(endpoint: Endpoint, path: string, body: unknown, headers: Record<string, string> = {}) {
  const response = await endpoint.fetch(
    new Request(`http://localhost${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    }),
  )
  return { status: response.status, headers: response.headers, text: await response.text() }
}
