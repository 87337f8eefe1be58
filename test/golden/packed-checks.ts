import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { type Check, within } from './check.ts'
import { logitsOf } from './model-checks.ts'

const LOGITS = 1e-4

/** `packed.safetensors` of a model: documents in a row say what each says alone. */
export async function* packedChecks(model: PretrainedLm, packed: TensorReader): AsyncGenerator<Check> {
  const integers = async (name: string) => Int32Array.from((await packed.read(name)) as Int32Array)
  const [inputIds, positionIds] = [await integers('ids'), await integers('position_ids')]
  const batch = { inputIds, positionIds, shape: [1, inputIds.length] as const }
  const alone = packed.names.filter((name) => name.startsWith('logits.')).sort()
  const logits = await Promise.all(alone.map((name) => packed.readF32(name)))
  const expected = logits.flatMap((one) => Array.from(one))
  yield within(`logits of ${alone.length} packed documents`, await logitsOf(model, batch), expected, LOGITS)
  const labels = inputIds.map((id, i) => (positionIds[i] === 0 ? -100 : id))
  const scope = model.device.memory.open()
  const [wanted = NaN] = (await packed.read('loss')) as Float64Array
  yield within('loss of packed documents', [await model.loss(batch, labels).item()], [wanted], LOGITS)
  scope.close()
}
