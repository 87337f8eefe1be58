import { join } from 'node:path'
import type { Device } from '../../src/device/device.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { LoadModelOptions } from '../../src/io/load/load-options.ts'
import { saveModel, type SaveModelOptions } from '../../src/io/save/save-model.ts'
import { createModel, modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import type { TokenBatch } from '../../src/models/causal-lm.ts'
import { initialWeights } from '../../src/models/initial-weights.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { Tensor } from '../../src/tensor/tensor.ts'
import { equal, within, withinShare, worst, type Check } from '../golden/check.ts'
import { logitsOf } from '../golden/model-checks.ts'
import type { PythonSide } from './python-side.ts'

/** What the checks of quantised models need of the program around them. */
export interface Interop {
  readonly base: string
  readonly work: string
  readonly inputs: string
  readonly batch: TokenBatch
  readonly bound: number
  /** With bitsandbytes' own decoder. */
  readonly peft: PythonSide
  open(path: string): Promise<TensorReader>
}

const tinyLlama = {
  ...{ model_type: 'llama', vocab_size: 64, hidden_size: 64, intermediate_size: 128, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, rms_norm_eps: 1e-5, tie_word_embeddings: false },
}

type Case = Pick<LoadModelOptions, 'quantize'> & Pick<SaveModelOptions, 'maxShardSize'>

/**
 * On CPUs bitsandbytes 0.50.2 decodes a matrix wrongly whose rows are no whole blocks, what it quantised itself
 * included; of the tiny Falcon's rows of 32 that leaves one size of blocks.
 */
const cases = (blockSize: number): Readonly<Record<string, Case>> => ({
  nf4: { quantize: { type: 'nf4', blockSize }, maxShardSize: '20KB' },
  'nf4 in part, scales in f32': {
    quantize: { type: 'nf4', blockSize, doubleQuant: false, skipModules: ['lm_head', 'mlp'] },
  },
  fp4: { quantize: { type: 'fp4', blockSize } },
  int8: { quantize: { type: 'int8' } },
})

/** What `peft_side.py quantized` says. */
interface Answer {
  readonly layers: Readonly<Record<string, string>>
  readonly different: readonly string[]
}

/** Models quantised and saved here, read by transformers and bitsandbytes: their layers, bytes, weights and logits. */
export async function* quantisedChecks(device: Device, interop: Interop): AsyncGenerator<readonly [string, Check]> {
  const llama = join(interop.work, 'llama')
  const config = parseModelConfig(tinyLlama)
  const model = createModel(config, initialWeights(device, modelWeights(config), 0.2, 5))
  await saveModel(model, llama)
  model.dispose()
  const models = { falcon: [interop.base, 32], llama: [llama, 64] } as const
  for (const [architecture, [folder, blockSize]] of Object.entries(models)) {
    for (const [name, options] of Object.entries(cases(blockSize))) {
      for (const check of await readThere(device, interop, { ...options, folder })) {
        yield [`${architecture} in ${name}`, check]
      }
    }
  }
}

async function readThere(
  device: Device,
  interop: Interop,
  { folder, ...options }: Case & { folder: string },
): Promise<Check[]> {
  const { work, inputs, batch, bound } = interop
  const { quantize = false, maxShardSize = '5GB' } = options
  const { model } = await loadModel(folder, { device, quantize })
  const [saved, out] = [join(work, 'quantised'), join(work, 'quantised.safetensors')]
  await saveModel(model, saved, { maxShardSize })
  const { layers, different } = JSON.parse(await interop.peft.ask('quantized', saved, inputs, out)) as Answer
  const theirs = await interop.open(out)
  const weights: Check[] = []
  for (const [path, weight] of model.namedWeights()) {
    if (weight instanceof Tensor) continue
    const ours = dequantize(weight)
    weights.push(withinShare(path, await ours.read(), await theirs.readF32(path), 1e-6))
    ours.dispose()
  }
  const isInt8 = typeof quantize === 'object' && quantize.type === 'int8'
  const logits = within('logits', await logitsOf(model, batch), await theirs.readF32('logits'), bound)
  model.dispose()
  return [
    equal("bitsandbytes' layers", [Object.keys(layers).length], [weights.length]),
    equal(`tensors that differ when saved there ${different.join(' ')}`.trimEnd(), [different.length], [0]),
    worst('decoded weights', weights),
    // LLM.int8 rounds activations too, which this library does not.
    ...(isInt8 ? [] : [logits]),
  ]
}
