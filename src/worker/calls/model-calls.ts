import { applyChatTemplate, type ChatTemplateOptions } from '../../data/chat/apply-chat-template.ts'
import type { Message } from '../../data/chat/message.ts'
import type { Rows } from '../../data/dataset.ts'
import { prepareExamples } from '../../data/prepare-examples.ts'
import type { PrepareOptions } from '../../data/prepare-options.ts'
import { evaluateLoss, type EvaluateLossOptions } from '../../evaluate/loss.ts'
import { completeText, generateText } from '../../generate/generate-text.ts'
import type { GenerationOptions } from '../../generate/generation-options.ts'
import { generateTokens } from '../../generate/generate.ts'
import type { DecodeOptions, EncodeOptions } from '../../generate/text-tokenizer.ts'
import { openAdapter, type OpenAdapterOptions } from '../../io/adapter-folder.ts'
import { modelGguf, type ModelGgufOptions, saveModelGguf, streamModelGguf } from '../../io/gguf/model-gguf.ts'
import { modelFiles, saveModel, type SaveModelOptions, streamModelFiles } from '../../io/save/save-model.ts'
import type { Source } from '../../io/sources/open-folder.ts'
import type { Example } from '../../models/example.ts'
import { attachAdapter, attachLora, type AttachOptions, type GivenConfig } from '../../peft/attach.ts'
import type { LoraConfig } from '../../peft/lora/lora-config.ts'
import { mergeAdapter, mergeAndUnload, type MergeOptions, unmergeAdapter } from '../../peft/merge/merge-adapter.ts'
import type { KnownType } from '../../peft/methods.ts'
import { countParameters } from '../../peft/parameter-counts.ts'
import { activeAdapters, setAdapter } from '../../peft/several/several-adapters.ts'
import type { TrainingOptions } from '../../train/training-options.ts'
import { TrainingRun } from '../../train/training-run.ts'
import { type PreferenceDataset, trainDpo, type TrainDpoOptions } from '../../trainer/preference/train-dpo.ts'
import { train, type TrainDataset, type TrainDatasetOptions } from '../../trainer/train.ts'
import { receivedParts, type Sent } from './callbacks-sent.ts'
import { HeldAdapter, type HeldModel, HeldRun, tokenizerOf } from './held.ts'

/** A config of any method, by its `peftType`. */
export type AnyConfig = { readonly [T in KnownType]: GivenConfig<T> }[KnownType]

/** What can be asked of a model in the worker: the calls of the main thread, without their model and its tokenizer. */
export const modelCalls = {
  generateText: (held: HeldModel, prompt: string | readonly number[], options?: GenerationOptions) =>
    generateText(held.model, tokenizerOf(held), prompt, options),
  completeText: (held: HeldModel, prompt: string | readonly number[], options?: GenerationOptions) =>
    completeText(held.model, tokenizerOf(held), prompt, options),
  generateTokens: ({ model }: HeldModel, prompts: readonly (readonly number[])[], options?: GenerationOptions) =>
    generateTokens(model, prompts, options),
  encode: (held: HeldModel, text: string, options?: EncodeOptions) => tokenizerOf(held).encode(text, options),
  decode: (held: HeldModel, ids: readonly number[], options?: DecodeOptions) => tokenizerOf(held).decode(ids, options),
  applyChatTemplate: (held: HeldModel, messages: readonly Message[], options?: ChatTemplateOptions) =>
    applyChatTemplate(tokenizerOf(held), messages, options),
  prepareExamples: (held: HeldModel, rows: Rows, options?: PrepareOptions) =>
    prepareExamples(tokenizerOf(held), rows, options),
  evaluateLoss: ({ model }: HeldModel, examples: readonly Example[], options?: EvaluateLossOptions) =>
    evaluateLoss(model, examples, options),
  attachAdapter: ({ model }: HeldModel, config: AnyConfig, options?: Omit<AttachOptions, 'device'>) =>
    new HeldAdapter(attachAdapter(model, config, options)),
  attachLora: ({ model }: HeldModel, config: Partial<LoraConfig>, options?: Omit<AttachOptions, 'device'>) =>
    new HeldAdapter(attachLora(model, config, options)),
  openAdapter: async ({ model }: HeldModel, source: Source, options?: Omit<OpenAdapterOptions, 'device'>) =>
    new HeldAdapter(await openAdapter(model, source, options)),
  activeAdapters: ({ model }: HeldModel) => activeAdapters(model),
  setAdapter: ({ model }: HeldModel, names: string | readonly string[]) => setAdapter(model, names),
  mergeAdapter: ({ model }: HeldModel, options?: MergeOptions) => mergeAdapter(model, options),
  unmergeAdapter: ({ model }: HeldModel) => unmergeAdapter(model),
  mergeAndUnload: ({ model }: HeldModel, options?: MergeOptions) => mergeAndUnload(model, options),
  countParameters: ({ model }: HeldModel) => countParameters(model),
  saveModel: ({ model }: HeldModel, path: string, options?: SaveModelOptions) => saveModel(model, path, options),
  modelFiles: ({ model }: HeldModel, options?: SaveModelOptions) => modelFiles(model, options),
  streamModelFiles: ({ model }: HeldModel, options?: SaveModelOptions) => streamModelFiles(model, options),
  modelGguf: ({ model }: HeldModel, options?: ModelGgufOptions) => modelGguf(model, options),
  streamModelGguf: ({ model }: HeldModel, options?: ModelGgufOptions) => streamModelGguf(model, options),
  saveModelGguf: ({ model }: HeldModel, path: string, options?: ModelGgufOptions) =>
    saveModelGguf(model, path, options),
  train: ({ model, tokenizer }: HeldModel, data: TrainDataset, options: Sent<TrainDatasetOptions> = {}) => {
    const { callbacks, samples, ...others } = options
    return train(model, data, { ...others, ...receivedParts(options, tokenizer) })
  },
  trainDpo: ({ model, tokenizer }: HeldModel, data: PreferenceDataset, options: Sent<TrainDpoOptions> = {}) => {
    const { callbacks, samples, ...others } = options
    return trainDpo(model, data, { ...others, ...receivedParts(options, tokenizer) })
  },
  trainingRun: ({ model }: HeldModel, examples: readonly Example[], options?: TrainingOptions) =>
    new HeldRun(new TrainingRun(model, examples, options)),
  dispose: ({ model }: HeldModel): void => model.dispose(),
}
