import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came. */
export interface HeardRequest {
  readonly path: string
  readonly key: string | undefined
  readonly body: Readonly<Record<string, unknown>>
  /** What the user says, or the text to go on with. */
  readonly prompt: string
  /** How many came with this prompt before. */
  readonly times: number
}

/** What a test makes of an answer: sends it itself and returns true, or leaves it. */
export type Twist = (heard: HeardRequest, response: ServerResponse, request: IncomingMessage) => boolean

export interface FakeOpenAi {
  /** As far as the version. */
  readonly address: string
  readonly heard: HeardRequest[]
  /** The most requests that were open at a time. */
  readonly abreast: () => number
  twist: Twist | null
  /** Milliseconds before an answer. */
  delay: number
  /** What is answered to a prompt. */
  answer: (prompt: string) => string
  close(): Promise<void>
}

/** A server that speaks OpenAI's protocol as of 2026, both of its ways, for one model and perhaps with a key. */
export async function startFakeOpenAi({ key = null as string | null, model = 'fake-1' } = {}): Promise<FakeOpenAi> {
  const seen = new Map<string, number>()
  let [open, most] = [0, 0]
  const server = createServer((request, response) => {
    most = Math.max(most, ++open)
    response.on('close', () => open--)
    void bodyOf(request).then((body) => {
      const messages = body['messages'] as readonly { readonly role: string; readonly content: string }[] | undefined
      const prompt = messages?.at(-1)?.content ?? String(body['prompt'])
      const times = seen.get(prompt) ?? 0
      seen.set(prompt, times + 1)
      const { url: path = '', headers } = request
      const heard = { path, key: headers.authorization?.replace('Bearer ', ''), body, prompt, times }
      fake.heard.push(heard)
      if (fake.twist?.(heard, response, request) === true) return
      if (key !== null && heard.key !== key) {
        sendError(response, 401, 'invalid_api_key', `Incorrect API key provided: ${heard.key}.`)
      } else if (body['model'] !== model) {
        sendError(response, 404, 'model_not_found', `The model \`${String(body['model'])}\` does not exist`)
      } else if (path === '/v1/chat/completions' || path === '/v1/completions') {
        setTimeout(() => sendCompletion(response, heard, { text: fake.answer(prompt) }), fake.delay)
      } else sendError(response, 404, null, `Unknown request URL: POST ${path}`)
    })
  })
  const fake: FakeOpenAi = {
    address: '',
    heard: [],
    abreast: () => most,
    twist: null,
    delay: 0,
    answer: () => 'The answer is A.',
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return Object.assign(fake, { address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1` })
}

async function bodyOf(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return JSON.parse(Buffer.concat(chunks).toString('utf8') || '{}') as Record<string, unknown>
}

/** An answer as OpenAI's API reference has it. */
export function sendCompletion(
  response: ServerResponse,
  { path, body, prompt }: HeardRequest,
  { text = '' as string | null, finish = 'stop', refusal = null as string | null, usage = undefined as unknown },
): void {
  const isChat = path.endsWith('/chat/completions')
  const counted = { prompt_tokens: prompt.length, completion_tokens: text?.length ?? 0, total_tokens: 0 }
  send(response, 200, {
    id: 'cmpl-1',
    object: isChat ? 'chat.completion' : 'text_completion',
    created: 1_790_000_000,
    model: `${String(body['model'])}-0613`,
    choices: [
      isChat
        ? { index: 0, message: { role: 'assistant', content: text, refusal }, logprobs: null, finish_reason: finish }
        : { index: 0, text, logprobs: null, finish_reason: finish },
    ],
    usage: usage ?? counted,
  })
}

export function sendError(
  response: ServerResponse,
  status: number,
  code: string | null,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  send(response, status, { error: { message, type: 'invalid_request_error', param: null, code } }, headers)
}

function send(response: ServerResponse, status: number, body: object, headers = {}): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}
