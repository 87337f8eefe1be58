import { basename, resolve } from 'node:path'
import { fileExists } from '#platform'
import { check } from '../../core/errors.ts'
import type { AnsweredRequest } from '../../serve/endpoint-options.ts'
import { createEndpoint } from '../../serve/endpoint.ts'
import { modelFlags, type NamedAdapter, readModelFlags, withAdaptedModel } from '../adapted-model.ts'
import { type Command, type CommandContext, parseWords, UsageError, whole } from '../command.ts'
import { isLoopback } from './addresses.ts'
import { type Listening, listen } from './node-server.ts'

/** Where keys may be that are not to stand on a command line, which others on the machine can read. */
const keyVariable = 'PEFT_MEDAWARE_API_KEY'

const help = `Answers over HTTP as OpenAI does: /v1/completions, /v1/chat/completions, /v1/models; /health and /metrics.

  peft-medaware serve --model SOURCE [options]

  --adapter NAME=DIR    an adapter, which is a model by its name: a folder, or a name on the Hub. As often as needed;
                        without NAME= it is called like its folder
  --name NAME           what the base is called                     (as where it comes from)
  --host HOST           the address to listen on                    (127.0.0.1)
  --port N              0 for any that is free                      (8000)
  --api-key KEY         let in only who brings it; as often as needed, or ${keyVariable}. Needed where
                        --host is not this machine alone
  --max-tokens N        new tokens of an answer                     (2048)
  --max-choices N       answers to one request, prompts times n     (128)
  --max-body N          bytes of a request                          (1048576)
  --max-seconds N       from a request's coming to its end          (600)
  --running N           requests that are answered by turns         (4)
  --waiting N           requests that wait behind them              (64)
  --prompt-cache N      MiB of prompts that are kept, for those that begin alike (256)
  --ignore-fields A,B   fields of adapters' configs to pass over, though they are not known here
  --quantize NAME       load in nf4, fp4, int8, q8_0 or q4_0        (as it is)
  --dtype NAME          f32, f16 or bf16, of what is not quantised  (f32)
  --device NAME         auto, cpu or webgpu                         (auto)
  --build NAME          of the CPU engine: auto, simd, relaxed or wide (auto: the fastest here)
  --quiet               no line for each request
  --help

The base and each adapter are models of one copy of the weights; a request says which by "model".
Ctrl-C turns away what comes and lets what is being answered end; a second one leaves at once.`

/** `peft-medaware serve`. */
export const serveCommand: Command = {
  summary: "answer over HTTP, by OpenAI's protocol",
  help,
  async run(args, context) {
    const { values } = parseWords(args, [], {
      ...modelFlags,
      model: { type: 'string' },
      adapter: { type: 'string', multiple: true, default: [] },
      name: { type: 'string' },
      host: { type: 'string', default: '127.0.0.1' },
      port: { type: 'string', default: '8000' },
      'api-key': { type: 'string', multiple: true, default: [] },
      'max-tokens': { type: 'string', default: '2048' },
      'max-choices': { type: 'string', default: '128' },
      'max-body': { type: 'string', default: '1048576' },
      'max-seconds': { type: 'string', default: '600' },
      running: { type: 'string', default: '4' },
      waiting: { type: 'string', default: '64' },
      'prompt-cache': { type: 'string', default: '256' },
      quiet: { type: 'boolean', default: false },
    })
    const { model: source, host } = values
    if (source === undefined) throw new UsageError('needs --model SOURCE')
    const port = whole('port', values.port, 0)
    const apiKeys = [...values['api-key'], ...(process.env[keyVariable] ?? '').split(',').filter((key) => key !== '')]
    if (apiKeys.length === 0 && !isLoopback(host)) {
      throw new UsageError(
        `--host ${host} can be reached from elsewhere: give --api-key, or set ${keyVariable}, so that not anyone is let in`,
      )
    }
    const limits = {
      maxTokens: whole('max-tokens', values['max-tokens']),
      maxChoices: whole('max-choices', values['max-choices']),
      maxBodyBytes: whole('max-body', values['max-body']),
      maxSeconds: whole('max-seconds', values['max-seconds']),
      maxRunning: whole('running', values.running),
      maxWaiting: whole('waiting', values.waiting, 0),
      promptCacheBytes: 2 ** 20 * whole('prompt-cache', values['prompt-cache'], 0),
    }
    const asked = { ...readModelFlags({ ...values, adapter: undefined }), adapters: values.adapter.map(namedAdapter) }
    await withAdaptedModel('serve', source, asked, context, async (model, tokenizer, name) => {
      const onRequest = values.quiet ? undefined : (request: AnsweredRequest) => context.progress.say(lineOf(request))
      const endpoint = createEndpoint({
        ...{ model, tokenizer, name: values.name ?? (await idOf(source, name)), apiKeys, ...limits },
        ...(onRequest && { onRequest }),
      })
      const server = await listen(endpoint.fetch, host, port)
      context.progress.clear()
      context.print(`${server.url}/v1 answers as ${endpoint.models.join(', ')}\n`)
      await untilStopped(context, server, endpoint.close.bind(endpoint))
    })
  },
}

/** Waits for Ctrl-C or SIGTERM, and then for the answers under way. @throws The signal's reason. */
async function untilStopped({ signal, progress }: CommandContext, server: Listening, drain: () => Promise<void>) {
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
  progress.say('ending: answers under way are finished first, Ctrl-C again leaves at once')
  await Promise.all([drain(), server.close()])
  signal.throwIfAborted()
}

/** A model's name on the Hub, or the last part of its path: where it lies is nobody's business. */
async function idOf(source: string, name: string): Promise<string> {
  return (await fileExists(source)) ? basename(resolve(source)).replace(/\.gguf$/i, '') : name
}

/** NAME=DIR, or DIR alone. */
function namedAdapter(word: string): NamedAdapter {
  const [, name, folder] = /^([^=/\\]+)=(.+)$/s.exec(word) ?? []
  if (name !== undefined && folder !== undefined) return { name, source: folder }
  check(!word.startsWith('='), 'config', () => `serve: --adapter ${word} has no name before its =`)
  return { name: basename(resolve(word)), source: word }
}

function lineOf({ method, path, status, seconds, usage }: AnsweredRequest): string {
  const tokens = usage === null ? '' : `  ${usage.model}  ${usage.promptTokens} + ${usage.completionTokens} tokens`
  return `${method} ${path}  ${status}  ${seconds.toFixed(2)} s${tokens}`
}
