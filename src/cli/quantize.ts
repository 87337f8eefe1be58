import { MedAwareError } from '../core/errors.ts'
import { openDevice } from '../device/open-device.ts'
import { savedTypes } from '../formats/formats.ts'
import { loadModel } from '../io/load/load-model.ts'
import { showBytes } from '../io/plan/memory-advice.ts'
import { saveModel } from '../io/save/save-model.ts'
import { type Command, oneOf, parseWords, whole } from './command.ts'
import { checkApart, factsOf } from './source-facts.ts'

const help = `Quantises a model's projections and saves it under bitsandbytes' keys, for transformers and this library.

  peft-medaware quantize SOURCE OUT [options]

  --type NAME           nf4, fp4 or int8                        (nf4)
  --block-size N        weights that share a scale, 32 to 4096  (64)
  --no-double-quant     keep the scales in f32
  --skip NAME           leave layers of this name, or below it, as they are: mlp, h.0, h.0.mlp; may be given often
  --dtype NAME          f32, f16 or bf16, of all else           (as the model has it)
  --max-shard-size SIZE                                         (5GB)
  --device NAME         auto, cpu or webgpu                     (auto)
  --help`

/** `peft-medaware quantize`. */
export const quantizeCommand: Command = {
  summary: "store a model's projections in 4 or 8 bits",
  help,
  async run(args, context) {
    const { values, words } = parseWords(args, ['SOURCE', 'OUT'], {
      type: { type: 'string', default: 'nf4' },
      'block-size': { type: 'string' },
      'no-double-quant': { type: 'boolean', default: false },
      skip: { type: 'string', multiple: true, default: [] },
      dtype: { type: 'string' },
      'max-shard-size': { type: 'string', default: '5GB' },
      device: { type: 'string', default: 'auto' },
    })
    const { SOURCE: source, OUT: out } = words
    const type = oneOf('type', values.type, savedTypes())
    const blockSize = values['block-size']
    // A list replaces the default, which spares the head.
    const skipModules = { skipModules: ['lm_head', ...values.skip] }
    const scales = {
      ...(values['no-double-quant'] && { doubleQuant: false }),
      ...(blockSize !== undefined && { blockSize: whole('block-size', blockSize) }),
    }
    const asked = values.dtype && oneOf('dtype', values.dtype, ['f32', 'f16', 'bf16'])
    const engine = oneOf('device', values.device, ['auto', 'cpu', 'webgpu'])
    const { signal, progress, print } = context
    await checkApart(out, source)
    const facts = await factsOf(source, context)
    if (facts.isQuantized) {
      throw new MedAwareError(
        'unsupported',
        `quantize: ${source} is quantised already; give the model it was made from`,
      )
    }
    const { device } = await openDevice({ device: engine })
    try {
      const quantize = { type, ...scales, ...skipModules }
      const { model, storage } = await loadModel(source, {
        ...{ device, dtype: facts.dtype, quantize, signal, onProgress: progress.load, onWarning: progress.warn },
      })
      const saved = await saveModel(model, out, {
        ...{ dtype: asked || facts.dtype, maxShardSize: values['max-shard-size'], copyFrom: source },
        ...{ signal, onProgress: progress.save },
      })
      progress.clear()
      const { projections, checkpointBytes } = storage
      print(
        `${out}: ${showBytes(checkpointBytes)} became ${showBytes(saved.bytes)} in ${saved.files.length} files; ` +
          `projections take ${projections.bitsPerWeight.toFixed(3)} bits a weight\n`,
      )
    } finally {
      device.dispose()
    }
  },
}
