import { environment } from '#platform'
import type { Contender } from '../../compare/contenders/contender.ts'
import { endpoint, type EndpointOptions } from '../../compare/contenders/endpoint.ts'
import { localContender } from '../../compare/contenders/local-contender.ts'
import { readModelFlags, withAdaptedModel } from '../adapted-model.ts'
import { amount, type CommandContext, oneOf, remedyFor, UsageError, whole } from '../command.ts'

type Fields = Readonly<Record<string, string>>

/** A contender that was named, not opened. */
export type ContenderWords =
  | { readonly kind: 'endpoint'; readonly contender: Contender }
  | {
      readonly kind: 'model'
      readonly source: string
      readonly name: string
      readonly way: 'generate' | 'log-likelihood'
      readonly chat: boolean | null
      readonly flags: ReturnType<typeof readModelFlags>
    }

const modelFields = ['name', 'adapter', 'ignore-fields', 'quantize', 'way', 'chat']
const endpointFields = [
  ...['model', 'name', 'api', 'key-env', 'input', 'output', 'concurrency', 'timeout', 'retries', 'temperature'],
]

/** The contenders that are named, models first. @throws UsageError. */
export function readContenders(values: {
  readonly model: readonly string[]
  readonly endpoint: readonly string[]
  readonly dtype: string
  readonly device: string
  readonly build: string
}): readonly ContenderWords[] {
  const { dtype, device, build } = values
  const models = values.model.map((words): ContenderWords => {
    const { first: source, fields } = parts('model', words, modelFields)
    const { adapter, way = 'generate', chat, quantize } = fields
    const usual = [source, adapter, quantize, ...(way === 'generate' ? [] : [way])].filter((each) => each !== undefined)
    return {
      ...{ kind: 'model', source, name: fields['name'] ?? usual.join(' + ') },
      way: oneOf('model: way', way, ['generate', 'log-likelihood']),
      chat: chat === undefined ? null : oneOf('model: chat', chat, ['yes', 'no']) === 'yes',
      flags: readModelFlags({ adapter, quantize, 'ignore-fields': fields['ignore-fields'], dtype, device, build }),
    }
  })
  const endpoints = values.endpoint.map((words): ContenderWords => {
    const { first, fields } = parts('endpoint', words, endpointFields)
    return { kind: 'endpoint', contender: endpoint(first, endpointOptions(fields)) }
  })
  const all = [...models, ...endpoints]
  if (all.length < 2) throw new UsageError(`compares two contenders or more, each a --model or an --endpoint`)
  const names = all.map((each) => (each.kind === 'model' ? each.name : each.contender.name))
  const twice = names.find((name, i) => names.indexOf(name) < i)
  if (twice !== undefined) throw new UsageError(`two contenders are called ${twice}; give one another name=…`)
  return all
}

/** Opens a contender for `use`, and what it takes is given back behind it. */
export async function withContender<T>(
  words: ContenderWords,
  context: CommandContext,
  use: (contender: Contender) => Promise<T>,
): Promise<T> {
  if (words.kind === 'endpoint') return use(words.contender)
  const { source, flags, name, way, chat } = words
  return withAdaptedModel('compare', source, flags, context, async (model, tokenizer) => {
    return use(await localContender(model, tokenizer, { name, way, ...(chat !== null && { chat }) }))
  })
}

/** `first,name=value,…`; a comma that no name follows belongs to what stands before it. */
function parts(flag: string, words: string, known: readonly string[]): { first: string; fields: Fields } {
  const [first = '', ...rest] = words.split(/,(?=[a-z-]+=)/)
  const fields = Object.fromEntries(
    rest.map((each) => {
      const at = each.indexOf('=')
      const [name, value] = [each.slice(0, at), each.slice(at + 1)]
      if (/^(api-?)?key$/.test(name)) {
        // What stands there may be a key, which an error is not to repeat.
        throw new UsageError(`--${flag}: a key is not given here, where histories keep it; give key-env=VARIABLE`)
      }
      if (!known.includes(name)) throw new UsageError(`--${flag}: there is no ${name}=${remedyFor(name, known)}`)
      return [name, value] as const
    }),
  )
  return { first, fields }
}

function endpointOptions(fields: Fields): EndpointOptions {
  const { model, name, api, input, output, concurrency, timeout, retries, temperature } = fields
  if (model === undefined) throw new UsageError('--endpoint needs model=NAME behind its address')
  if ((input === undefined) !== (output === undefined)) {
    throw new UsageError('--endpoint: prices are input=PRICE,output=PRICE')
  }
  const heat = temperature === 'none' ? null : amount('endpoint: temperature', temperature ?? '0')
  return {
    ...{ model, temperature: heat },
    ...(name !== undefined && { name }),
    ...(api !== undefined && { api: oneOf('endpoint: api', api, ['chat', 'completions']) }),
    ...keyOf(fields['key-env']),
    ...(input !== undefined &&
      output !== undefined && {
        prices: { input: amount('endpoint: input', input), output: amount('endpoint: output', output) },
      }),
    ...(concurrency !== undefined && { concurrency: whole('endpoint: concurrency', concurrency) }),
    ...(timeout !== undefined && { timeout: amount('endpoint: timeout', timeout) }),
    ...(retries !== undefined && { maxRetries: whole('endpoint: retries', retries, 0) }),
  }
}

/** A variable's key. What is given may be a key by mistake, so it is not shown. */
function keyOf(variable: string | undefined): { readonly apiKey?: string } {
  if (variable === undefined) return {}
  const apiKey = /^\w+$/.test(variable) ? environment(variable) : undefined
  if (apiKey === undefined)
    throw new UsageError('--endpoint: key-env must name a variable of the environment that is set')
  return { apiKey }
}
