import { openDevice } from '../device/open-device.ts'
import { openAdapter } from '../io/adapter-folder.ts'
import { convertLoraToGguf } from '../io/gguf/lora/adapter-gguf.ts'
import { convertModelToGguf, type SavedGguf, saveModelGguf } from '../io/gguf/model-gguf.ts'
import { loadModel } from '../io/load/load-model.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import { type Command, type CommandContext, namesOf, oneOf, parseWords, UsageError } from './command.ts'
import { checkApart, factsOf, type SourceFacts } from './source-facts.ts'

const help = `Writes a GGUF file for llama.cpp and what is built on it, such as Ollama: an adapter alone, or a whole model.

  peft-medaware export --format gguf --adapter SOURCE --out FILE [--base SOURCE]     an adapter, beside its base
  peft-medaware export --format gguf --adapter SOURCE --base SOURCE --merge --out FILE    a model with it merged in
  peft-medaware export --format gguf --base SOURCE --out FILE                        a model as it is

  --base SOURCE         the model: a folder, owner/name on the Hub or a .gguf; beside an adapter that is not merged its
                        config.json alone is read             (as adapter_config.json says)
  --merge               add the adapter to the weights of --base
  --type NAME           of an adapter f32 or f16               (f32)
                        of a model f32, f16, bf16 or q8_0      (f16)
  --name NAME           what the file calls the model          (as its folder or file is called)
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --device NAME         that merges: auto, cpu or webgpu       (auto)
  --help

FILE ends in .gguf. Models are Llama, Mistral, Qwen2, Qwen3, Gemma 3 and SmolLM3; the tokenizer and its chat template go
into the file. What llama.cpp cannot apply or GGUF cannot express is refused. Then:
  llama-cli -m base.gguf --lora FILE, or llama-cli -m FILE`

const flags = {
  format: { type: 'string' },
  adapter: { type: 'string' },
  out: { type: 'string' },
  base: { type: 'string' },
  merge: { type: 'boolean', default: false },
  type: { type: 'string' },
  name: { type: 'string' },
  'ignore-fields': { type: 'string' },
  device: { type: 'string' },
} as const

/** `peft-medaware export`. */
export const exportCommand: Command = {
  summary: 'write an adapter or a model as GGUF, for llama.cpp',
  help,
  async run(args, context) {
    const { values } = parseWords(args, [], flags)
    const { format, adapter, out, base, merge, name } = values
    if (format === undefined) throw new UsageError('--format must be gguf, nothing was given')
    if (format !== 'gguf') throw new UsageError(`--format must be gguf, got ${format}`)
    if (adapter === undefined && base === undefined) {
      throw new UsageError('needs --adapter SOURCE, --base SOURCE or both, nothing was given')
    }
    if (out === undefined) throw new UsageError('needs --out FILE, nothing was given')
    const ignoreFields = namesOf(values['ignore-fields'])
    if (merge && (adapter === undefined || base === undefined)) {
      throw new UsageError('--merge needs --adapter SOURCE and --base SOURCE, one of which is not given')
    }
    if (values.device !== undefined && !merge) throw new UsageError('--device merges, and --merge is not given')
    const { progress, print } = context
    if (adapter !== undefined && !merge) {
      if (name !== undefined)
        throw new UsageError('--name is of a model, and an adapter is written; did you mean --merge?')
      const { layers, bytes } = await convertLoraToGguf(adapter, out, {
        ...{
          dtype: oneOf('type', values.type ?? 'f32', ['f32', 'f16']),
          ignoreFields,
          ...(base !== undefined && { base }),
        },
        ...{ signal: context.signal, onDownload: progress.load, onWarning: progress.warn },
      })
      progress.clear()
      print(`${out}: ${layers} layers, ${showBytes(bytes)}; llama-cli -m base.gguf --lora ${out}\n`)
      return
    }
    const type = oneOf('type', values.type ?? 'f16', ['f32', 'f16', 'bf16', 'q8_0'])
    const written = { type, ...(name !== undefined && { name }) }
    await checkApart(out, base ?? '')
    const facts = await factsOf(base ?? '', context)
    const { tensors, bytes } =
      adapter === undefined && !facts.isQuantized
        ? await convertModelToGguf(base ?? '', out, {
            ...{ ...written, signal: context.signal, onDownload: progress.load },
            ...{ onProgress: progress.save, onWarning: progress.warn },
          })
        : await loaded({ base: base ?? '', facts, adapter, out, ignoreFields, written, device: values.device }, context)
    progress.clear()
    print(`${out}: ${tensors} tensors, ${showBytes(bytes)}; llama-cli -m ${out}\n`)
  },
}

interface ToLoad {
  readonly base: string
  readonly facts: SourceFacts
  readonly adapter: string | undefined
  readonly out: string
  readonly ignoreFields: readonly string[]
  readonly written: { readonly type: 'f32' | 'f16' | 'bf16' | 'q8_0'; readonly name?: string }
  readonly device: string | undefined
}

/** Writes a model that has to be loaded first: to merge an adapter into it, or for it is quantised. */
async function loaded(
  { base, facts: { dtype }, adapter, out, ignoreFields, written, device: named = 'auto' }: ToLoad,
  context: CommandContext,
): Promise<SavedGguf> {
  const { signal, progress } = context
  const engine = oneOf('device', named, ['auto', 'cpu', 'webgpu'])
  const { device } = await openDevice({ device: engine })
  try {
    const told = { signal, onWarning: progress.warn }
    const { model } = await loadModel(base, { ...told, device, dtype, onProgress: progress.load })
    if (adapter !== undefined) {
      await openAdapter(model, adapter, { ...told, device, ignoreFields, onDownload: progress.load })
    }
    return await saveModelGguf(model, out, {
      ...{ ...told, ...written, copyFrom: base, merge: true, onProgress: progress.save },
    })
  } finally {
    device.dispose()
  }
}
