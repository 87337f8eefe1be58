import { convertLoraToGguf } from '../io/gguf/adapter-gguf.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import { type Command, namesOf, oneOf, parseWords, UsageError } from './command.ts'

const help = `Writes an adapter for llama.cpp and what is built on it: a GGUF LoRA, as its convert_lora_to_gguf.py makes it.

  peft-medaware export --format gguf --adapter SOURCE --out FILE [options]

  --base SOURCE         the model that it belongs to, of which config.json alone is read
                        (as adapter_config.json says)
  --dtype NAME          f32 or f16: how A and B are written     (f32)
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --help

FILE ends in .gguf. Models are Llama, Mistral, Qwen2, Qwen3, Gemma 3 and SmolLM3; what llama.cpp cannot apply is
refused. Then: llama-cli -m base.gguf --lora FILE`

/** `peft-medaware export`. */
export const exportCommand: Command = {
  summary: 'write an adapter as GGUF, for llama.cpp',
  help,
  async run(args, { signal, progress, print }) {
    const { values } = parseWords(args, [], {
      format: { type: 'string' },
      adapter: { type: 'string' },
      out: { type: 'string' },
      base: { type: 'string' },
      dtype: { type: 'string', default: 'f32' },
      'ignore-fields': { type: 'string' },
    })
    const { format, adapter, out, base } = values
    if (format === undefined) throw new UsageError('--format must be gguf, nothing was given')
    if (format !== 'gguf') throw new UsageError(`--format must be gguf, got ${format}`)
    if (adapter === undefined) throw new UsageError('needs --adapter SOURCE, nothing was given')
    if (out === undefined) throw new UsageError('needs --out FILE, nothing was given')
    const { layers, bytes } = await convertLoraToGguf(adapter, out, {
      ...{ dtype: oneOf('dtype', values.dtype, ['f32', 'f16']), ignoreFields: namesOf(values['ignore-fields']) },
      ...{ signal, onDownload: progress.load, onWarning: progress.warn, ...(base !== undefined && { base }) },
    })
    progress.clear()
    print(`${out}: ${layers} layers, ${showBytes(bytes)}; llama-cli -m base.gguf --lora ${out}\n`)
  },
}
