import { type Device, loadModel, openDevice, MedAwareError, type ProgressLine } from 'peft-medaware'
import type { PretrainedLm, TextTokenizer } from 'peft-medaware'
import { baseOf } from '../bases.ts'
import { cacheDirectory } from '../data/cache-directory.ts'
import { type LoadedMedquad, loadMedquad } from '../data/load-medquad.ts'

/** What is opened, and how it is said. */
interface Opening {
  readonly model: string | undefined
  readonly device: 'auto' | 'cpu' | 'webgpu'
  readonly line: ProgressLine
  readonly warn: (text: string) => void
}

/** A base model in 4 bits. */
export interface OpenedModel {
  readonly source: string
  readonly device: Device
  readonly model: PretrainedLm
  readonly tokenizer: TextTokenizer
}

/** Opens a base model, quantised as the recipe quantises it. @throws MedAwareError `not-found` without a tokenizer. */
export async function openModel({ model: given, device: which, line, warn }: Opening): Promise<OpenedModel> {
  const { source } = baseOf(given)
  const { device } = await openDevice({ device: which, cpu: { build: 'fastest' } })
  const quantize = { type: 'nf4', doubleQuant: true } as const
  const { model, tokenizer } = await loadModel(source, { device, quantize, onProgress: line.load, onWarning: warn })
  if (tokenizer === null) throw new MedAwareError('not-found', `${source}: no tokenizer.json`)
  return { source, device, model, tokenizer }
}

/** Opens a base model and MedQuAD. */
export async function openBase(
  opening: Opening & { readonly data: string | undefined },
): Promise<OpenedModel & { readonly data: LoadedMedquad }> {
  const data = await loadMedquad({
    ...(opening.data !== undefined && { data: opening.data }),
    ...{ cacheDir: cacheDirectory(), warn: opening.warn },
  })
  return { ...(await openModel(opening)), data }
}
