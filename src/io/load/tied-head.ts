import { sameShape } from '../../core/shape.ts'
import { readSlices, widen } from '../../formats/fill-tensor.ts'
import type { Checkpoint } from '../../formats/format.ts'
import { tiedTensors } from '../../models/architectures.ts'
import type { ModelConfig } from '../../models/causal-lm.ts'
import type { SafetensorsDType, TensorData } from '../../safetensors/dtype.ts'
import { renamed } from './checkpoint.ts'

/** A config and a checkpoint that agree on whether the head is tied. */
export interface SettledHead {
  readonly config: ModelConfig
  readonly checkpoint: Checkpoint
}

/**
 * What transformers makes of a config that ties the head to the embeddings, where the checkpoint has a head
 * (modeling_utils.py, `tie_weights`): tied if they are the same numbers, or if there is the head alone; else the head
 * stays one of its own.
 * @param most Elements that are compared; the rest is believed to be alike. Default: all.
 */
export async function settledHead(
  checkpoint: Checkpoint,
  config: ModelConfig,
  {
    source,
    most,
    warn,
  }: { readonly source: string; readonly most?: number; readonly warn?: (message: string) => void },
): Promise<SettledHead> {
  const { head, embeddings } = tiedTensors(config)
  if (!config.tieWordEmbeddings || !checkpoint.has(head)) return { config, checkpoint }
  if (!checkpoint.has(embeddings)) return { config, checkpoint: renamed(checkpoint, head, embeddings) }
  if (await areSame(checkpoint, head, embeddings, most)) return { config, checkpoint }
  warn?.(
    `${source}: config.json has tie_word_embeddings true, but ${head} and ${embeddings} are not the same numbers; the head is ` +
      `kept as one of its own, and saved with tie_word_embeddings false`,
  )
  return { config: { ...config, tieWordEmbeddings: false }, checkpoint }
}

const plain: readonly SafetensorsDType[] = ['F64', 'F32', 'F16', 'BF16']

/** Whether two tensors have the same shape and numbers, whatever their dtypes; -0 is 0. */
async function areSame(checkpoint: Checkpoint, a: string, b: string, most = Infinity): Promise<boolean> {
  const [of, other] = [checkpoint.info(a), checkpoint.info(b)]
  if (!sameShape(of.shape, other.shape) || !plain.includes(of.dtype) || !plain.includes(other.dtype)) return false
  const count = of.shape.reduce((product, size) => product * size, 1)
  const theirs = readSlices(checkpoint, b, Math.min(count, most))
  try {
    for await (const { data } of readSlices(checkpoint, a, Math.min(count, most))) {
      const { value } = await theirs.next()
      if (value === undefined || !haveSame(data, of.dtype, value.data, other.dtype)) return false
    }
    return true
  } finally {
    await theirs.return(undefined)
  }
}

function haveSame(a: TensorData, aType: SafetensorsDType, b: TensorData, bType: SafetensorsDType): boolean {
  const left = widen(a, aType, new Float32Array(a.length))
  const right = widen(b, bType, new Float32Array(b.length))
  return left.every((value, i) => value === right[i])
}
