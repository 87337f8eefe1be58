import { check, MedAwareError } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import type { TensorToSave } from '../../formats/format.ts'
import { storedWeight } from '../../formats/formats.ts'
import { parseModelConfig, tiedTensors } from '../../models/architectures.ts'
import type { ModelConfig, PretrainedLm } from '../../models/causal-lm.ts'
import { type GenerationConfig, parseGenerationConfig } from '../../models/generation-config.ts'
import { folderOptions, type HubFolderOptions } from '../huggingface/hub-folder-options.ts'
import { fittingWeights } from '../load/fit.ts'
import { openCheckpoint } from '../load/load-model.ts'
import { settledHead } from '../load/tied-head.ts'
import { tensorsToSave } from '../save/tensors-to-save.ts'
import type { LoaderOptions } from '../save/tensor-loader.ts'
import { type Folder, readJson, readModelConfig } from '../sources/folder.ts'
import { openFolder, type Source } from '../sources/open-folder.ts'
import { readTokenizerFiles, type TokenizerFiles } from '../tokenizer/tokenizer-files.ts'
import type { ModelFile, ModelGgufType, WholeModel } from './whole-model.ts'

/** What is told of any model that is written. */
interface FileToMake extends LoaderOptions {
  readonly who: string
  /** The file's name, for `onProgress`. */
  readonly file: string
  readonly type?: ModelGgufType
  readonly name?: string
  readonly onWarning?: (message: string) => void
}

/** What becomes of a model on a device. */
export async function loadedModel(
  model: PretrainedLm,
  { copyFrom, merge = false, ...make }: FileToMake & { readonly copyFrom?: Source | null; readonly merge?: boolean },
): Promise<ModelFile> {
  const { who, signal } = make
  const { nameOrPath, revision } = model
  const origin = nameOrPath !== null && revision !== null ? `${nameOrPath}@${revision}` : nameOrPath
  const from = copyFrom === undefined ? origin : copyFrom
  check(copyFrom === null || from !== null, 'config', () => {
    return `${who}: the model does not say where it was loaded from; pass copyFrom, where its tokenizer is, or null for none`
  })
  const tokenizer = from === null ? null : await tokenizerIn(who, await openFolder(from, signal ? { signal } : {}))
  const tensors = await tensorsToSave(who, model, { dtype: 'f32', dequantize: true, merge })
  const weights = tensors.map((tensor) => {
    return { name: tensor.name, shape: tensor.shape, readF32: () => numbersOf(who, tensor) }
  })
  const config = { ...model.config, tieWordEmbeddings: !hasHead(model.config, weights) }
  const whole = { config, weights, tokenizer, generation: model.generationConfig ?? {}, origin: nameOrPath }
  return fileOf(whole, { ...make, settle: () => model.device.settle() })
}

/** What becomes of a model's folder, for some work while that is open. */
export async function withModelFolder<T>(
  source: Source,
  { hub, onDownload, ...make }: FileToMake & HubFolderOptions,
  use: (file: ModelFile) => Promise<T>,
): Promise<T> {
  const { who, signal, onWarning } = make
  const folder = await openFolder(
    source,
    folderOptions({ ...(hub && { hub }), ...(signal && { signal }), ...(onDownload && { onDownload }) }),
  )
  const parsed = parseModelConfig(await readModelConfig(folder))
  const tokenizer = await tokenizerIn(who, folder)
  const generation = (await folder.has('generation_config.json'))
    ? parseGenerationConfig(await readJson(folder, 'generation_config.json'), folder.name).config
    : {}
  const opened = await openCheckpoint(folder)
  try {
    const head = { source: folder.name, ...(onWarning && { warn: onWarning }) }
    const { config, checkpoint } = await settledHead(opened, parsed, head)
    const weights = fittingWeights(checkpoint, config, folder.name).map(({ name, shape }) => {
      const stored = storedWeight(checkpoint, name)
      check(stored === null || stored.readsAsNumbers === true, 'unsupported', () => {
        return `${who}: ${name} of ${folder.name} is quantised; load it (loadModel) and write that (saveModelGguf)`
      })
      return { name, shape, readF32: () => checkpoint.readF32(name) }
    })
    const origin = folder.origin?.nameOrPath ?? null
    return await use(await fileOf({ config, weights, tokenizer, generation, origin }, make))
  } finally {
    await opened.close()
  }
}

/** A model and the last part of its name, where nobody says another. */
interface Origin extends Pick<WholeModel, 'config' | 'weights' | 'tokenizer'> {
  readonly generation: Partial<GenerationConfig>
  readonly origin: string | null
}

/** What writes whole models is loaded with the first of them. */
async function fileOf({ origin, ...model }: Origin, make: FileToMake): Promise<ModelFile> {
  const { who, file, type = 'f16', name = lastPart(origin) ?? 'model', onWarning: warn = () => {}, ...loader } = make
  const { wholeModelGguf } = await import('./whole-model.ts')
  return wholeModelGguf({ ...model, who, name, type, warn }, file, loader)
}

function lastPart(path: string | null): string | undefined {
  const last = path
    ?.replace(/[/\\]+$/, '')
    .replace(/^.*[/\\]/, '')
    .replace(/\.gguf$/i, '')
  return last === '' || last === '.' || last === '..' ? undefined : last
}

async function tokenizerIn(who: string, folder: Folder): Promise<TokenizerFiles> {
  const files = await readTokenizerFiles(folder)
  if (files !== null) return files
  throw new MedAwareError(
    'not-found',
    `${who}: ${folder.name} has no tokenizer.json, which goes into the file; pass copyFrom to saveModelGguf, where it is, or null for none`,
  )
}

function hasHead(config: ModelConfig, weights: readonly { readonly name: string }[]): boolean {
  const { head } = tiedTensors(config)
  return weights.some(({ name }) => name === head)
}

async function numbersOf(who: string, tensor: TensorToSave): Promise<Float32Array> {
  const values = await tensor.bytes()
  if (values instanceof Float32Array) return values
  throw new MedAwareError('unsupported', `${who}: ${tensor.name} is no plain weight, but ${show(values)}`)
}
