import { openDevice } from '../device/open-device.ts'
import { openAdapter } from '../io/adapter-folder.ts'
import { loadModel } from '../io/load/load-model.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import { saveModel } from '../io/save/save-model.ts'
import { mergeAndUnload } from '../peft/merge/merge-adapter.ts'
import { type Command, namesOf, oneOf, parseWords, UsageError } from './command.ts'
import { checkApart, factsOf } from './source-facts.ts'

const help = `Adds an adapter to its base model's weights and saves the result as a model of its own.

  peft-medaware merge BASE ADAPTER OUT [options]

  --dtype NAME          f32, f16 or bf16                        (as the base has it)
  --quantized           write a quantised base's layers in its 4 or 8 bits; refused without --force, for rounding
                        them again loses most of a small update
  --force               insist, and be told how much of the update is left
  --ignore-fields A,B   fields of the adapter's config to pass over, though they are not known here
  --max-shard-size SIZE                                         (5GB)
  --device NAME         auto, cpu or webgpu                     (auto)
  --help`

/** `peft-medaware merge`. */
export const mergeCommand: Command = {
  summary: 'add an adapter to the weights of its base model',
  help,
  async run(args, context) {
    const { values, words } = parseWords(args, ['BASE', 'ADAPTER', 'OUT'], {
      dtype: { type: 'string' },
      quantized: { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      'ignore-fields': { type: 'string' },
      'max-shard-size': { type: 'string', default: '5GB' },
      device: { type: 'string', default: 'auto' },
    })
    const { BASE: base, ADAPTER: adapter, OUT: out } = words
    const { quantized, force } = values
    if (force && !quantized) throw new UsageError('--force insists on --quantized, which is not given')
    const asked = values.dtype && oneOf('dtype', values.dtype, ['f32', 'f16', 'bf16'])
    const engine = oneOf('device', values.device, ['auto', 'cpu', 'webgpu'])
    const { signal, progress, print } = context
    await checkApart(out, base, adapter)
    const facts = await factsOf(base, context)
    const { device } = await openDevice({ device: engine })
    try {
      const { model } = await loadModel(base, {
        device,
        dtype: facts.dtype,
        signal,
        onProgress: progress.load,
        onWarning: progress.warn,
      })
      const { layers } = await openAdapter(model, adapter, {
        ...{ device, signal, ignoreFields: namesOf(values['ignore-fields']) },
        ...{ onDownload: progress.load, onWarning: progress.warn },
      })
      // Writing alone would round as well, but would not say what that costs.
      const loss = force ? (await mergeAndUnload(model, { dtype: 'base', force, signal })).loss : null
      const saved = await saveModel(model, out, {
        ...{ dtype: asked || facts.dtype, maxShardSize: values['max-shard-size'], copyFrom: base },
        ...{ dequantize: !quantized, merge: true, signal, onProgress: progress.save },
      })
      progress.clear()
      if (loss !== null) {
        const { codes, codesChanged, projection } = loss
        const [changed, left] = [(100 * codesChanged) / codes, 100 * projection].map((share) => share.toFixed(1))
        print(`rounding changed ${changed} % of the codes, and left ${left} % of the update\n`)
      }
      print(`${out}: ${layers.size} layers merged, ${showBytes(saved.bytes)} in ${saved.files.length} files\n`)
    } finally {
      device.dispose()
    }
  },
}
