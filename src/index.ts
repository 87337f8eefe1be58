/**
 * QLoRA fine-tuning wherever JavaScript runs: open a device, load a model in 4 bits, attach LoRA, train, generate, and
 * save an adapter that PEFT reads. The rooms beside it open what this is made of: `peft-medaware/ops`, `/nn`,
 * `/autograd`, `/optim`, `/peft`, `/models`, `/quant` and `/safetensors`.
 * @packageDocumentation
 */
export { MedAwareError, type ErrorCode } from './core/errors.ts'
export { version } from './core/version.ts'
export { nearestName } from './core/nearest.ts'
export { Random } from './core/random.ts'
export type { Shape } from './core/shape.ts'
export type { DType } from './core/dtype.ts'

export type { Binding, Device, DeviceLimits, TuningChoices } from './device/device.ts'
export type { DeviceBuffer } from './device/buffer.ts'
export type { CpuBuild, CpuOptions } from './device/cpu/cpu-device.ts'
export type { WebGpuOptions } from './device/webgpu/options.ts'
export type { TuningProgress } from './device/webgpu/programs/tuner.ts'
export type { KernelCost, KernelProfile } from './device/kernel-profile.ts'
export type { Memory, Scope } from './device/memory.ts'
export { selfTest, type SelfTestFailure, type SelfTestReport } from './device/self-test/self-test.ts'
export { openDevice, type OpenDeviceOptions, type OpenedDevice } from './device/open-device.ts'

export { empty, fromArray, Tensor, zeros } from './tensor/tensor.ts'
export { halfFromArray, type HalfType } from './tensor/half.ts'
export { FourBitTensor, type FourBitParts } from './formats/four-bit/four-bit-tensor.ts'
export { Int8Tensor, type Int8Parts } from './formats/int8/int8-tensor.ts'

export { quantize, type Quantization, type QuantizeOptions } from './nn/quantize.ts'
export type { CausalLm, ModelConfig, ModelInputs, PretrainedLm, TokenBatch } from './models/causal-lm.ts'
export type { Example } from './models/example.ts'
export type { GenerationConfig } from './models/generation-config.ts'

export { loadModel, loadTokenizer, type LoadedModel } from './io/load/load-model.ts'
export type { LoadModelOptions, LoadProgress, TensorProgress } from './io/load/load-options.ts'
export { describeMemoryPlan } from './io/plan/describe-memory-plan.ts'
export { type MemoryPlan, planMemory, type MemoryPlanOptions } from './io/plan/memory-plan.ts'
export {
  inspectModel,
  type AdapterReport,
  type InspectOptions,
  type ModelReport,
  type TensorTotals,
} from './io/plan/inspect-model.ts'
export {
  type FilePiece,
  modelFiles,
  saveModel,
  type SavedModel,
  type SaveModelOptions,
  streamModelFiles,
} from './io/save/save-model.ts'
export type { SaveDType, SaveWeightsOptions } from './io/save/tensors-to-save.ts'
export { diskFolder, directoryFolder, fileFolder, writeFolder, type Folder } from './io/sources/folder.ts'
export { openFolder, type Source } from './io/sources/open-folder.ts'
export {
  type CachedModel,
  cachedModels,
  type CachedModelsOptions,
  deleteCachedModel,
} from './io/huggingface/cached-models.ts'
export { hubFolder } from './io/huggingface/hub-folder.ts'
export type { DownloadProgress, HubFolderOptions } from './io/huggingface/hub-folder-options.ts'
export type { HubModel } from './io/huggingface/hub-address.ts'
export type { HubOptions } from './io/huggingface/hub-settings.ts'
export type { BodyReader, Fetch, FetchInit, HttpResponse } from './safetensors/http-client.ts'
export type { Gpu, GpuAdapter, PowerPreference } from './platform/platform.ts'
export {
  loadDataset,
  type DatasetFormat,
  type DatasetSource,
  type LoadDatasetOptions,
} from './io/dataset/load-dataset.ts'
export { tokenizerFromJson } from './io/tokenizer/tokenizer.ts'
export type { DecodeOptions, EncodeOptions, TextTokenizer } from './generate/text-tokenizer.ts'
export type { StorageReport } from './io/load/load-weights.ts'

export {
  hotswapAdapter,
  type HotswapAdapterOptions,
  openAdapter,
  type OpenAdapterOptions,
  saveAdapter,
  saveAsLora,
} from './io/adapter-folder.ts'
export {
  convertModelToGguf,
  type ConvertModelToGgufOptions,
  modelGguf,
  type ModelGgufOptions,
  saveModelGguf,
  type SavedGguf,
  streamModelGguf,
} from './io/gguf/model-gguf.ts'
export {
  adapterGguf,
  type AdapterGgufOptions,
  type ConvertedLora,
  convertLoraToGguf,
  type ConvertLoraToGgufOptions,
  saveAdapterGguf,
} from './io/gguf/lora/adapter-gguf.ts'
export { replaceLoraWeightsLoftq, type ReplaceLoraWeightsLoftqOptions } from './io/replace-lora-weights-loftq.ts'
export { saveModelCard, type SaveModelCardOptions } from './io/card-file.ts'
export { restoreRun, saveRun } from './io/checkpoint-folder.ts'

export type { LoraConfig } from './peft/lora/lora-config.ts'
export { attachAdapter, attachLora, type AttachOptions, type GivenConfig, type PlannedAdapter } from './peft/attach.ts'
export { startLora, type StartLoraOptions } from './peft/lora/starts/start-lora.ts'
export type { StartBatch, StartBatches } from './peft/lora/starts/data/batches.ts'
export type { CordaConfig } from './peft/lora/corda-config.ts'
export type { EvaConfig } from './peft/lora/eva-config.ts'
export type { LoftQConfig } from './peft/lora/loftq-config.ts'
export type { ReplacedLoftq, ReplaceLoftqProgress } from './peft/lora/starts/replace-loftq.ts'
export type { Adaptable } from './peft/adaptable.ts'
export type { AdapterConfig } from './peft/config/config-fields.ts'
export type { AdaLoraConfig } from './peft/adalora/adalora-config.ts'
export type { Ia3Config } from './peft/methods/ia3.ts'
export type { LnTuningConfig } from './peft/methods/ln-tuning.ts'
export type { LohaConfig } from './peft/methods/loha.ts'
export type { VeraConfig } from './peft/methods/vera.ts'
export type { PTuningConfig } from './peft/methods/p-tuning.ts'
export type { PrefixTuningConfig } from './peft/methods/prefix-tuning.ts'
export type { PromptTuningConfig } from './peft/methods/prompt-tuning.ts'
export type { LokrConfig } from './peft/methods/lokr.ts'
export type { OftConfig } from './peft/oft/oft-config.ts'
export { type ConfigOf, isConfigOf, type KnownType } from './peft/methods.ts'
export type { Adapter } from './peft/adapter.ts'
export {
  mergeAdapter,
  mergeAndUnload,
  type MergeOptions,
  type MergeReport,
  unmergeAdapter,
} from './peft/merge/merge-adapter.ts'
export type { RoundingLoss } from './peft/merge/rounding-loss.ts'
export type { MergedType } from './peft/merge/store-merged.ts'
export {
  activeAdapters,
  adaptersOf,
  deleteAdapter,
  disableAdapter,
  setAdapter,
  withAdapterNames,
} from './peft/several/several-adapters.ts'
export { addWeightedAdapter, type WeightedAdapterOptions } from './peft/several/combine/add-weighted-adapter.ts'
export {
  type ConvertedLayer,
  convertToLora,
  type LoraConversion,
  type LoraConversionOptions,
} from './peft/several/convert/convert-to-lora.ts'
export type { CombinationType } from './peft/several/combine/combinations.ts'
export type { AdaptedLayer, LayerAdapter } from './peft/layers/adapted-layer.ts'
export type { LoraLinear } from './peft/lora/lora-linear.ts'
export {
  adapterFiles,
  loadAdapter,
  type AdapterFilesOptions,
  type LoadAdapterOptions,
} from './peft/files/adapter-files.ts'
export type { CardContent, CardData, CardFigure, CardResult } from './peft/card/card-content.ts'
export { modelCard, type ModelCardOptions } from './peft/card/adapter-card.ts'
export { medicalDisclaimer } from './peft/card/card-sections.ts'
export { countParameters, describeParameterCounts, type ParameterCounts } from './peft/parameter-counts.ts'
export { type KbitTrainingOptions, prepareModelForKbitTraining } from './peft/prepare-model-for-kbit-training.ts'

export {
  promptCompletionExample,
  type PromptCompletion,
  type PromptCompletionOptions,
} from './data/prompt-completion.ts'
export { prepareExamples, streamExamples, type ExampleStream, type PreparedExamples } from './data/prepare-examples.ts'
export { batchExamples, type BatchOptions } from './data/batch-examples.ts'
export { collatePreferences, type PreferenceExample } from './data/preference/preference-example.ts'
export type { PreferenceOptions } from './data/preference/preference-options.ts'
export { preparePreferences, type PreparedPreferences } from './data/preference/prepare-preferences.ts'
export { splitDataset, type SplitDataset, type SplitOptions } from './data/split-dataset.ts'
export { applyChatTemplate, type ChatTemplateOptions } from './data/chat/apply-chat-template.ts'
export { checkChatTemplate, type ChatTemplateReport } from './data/chat/check-chat-template.ts'
export type { ChatTemplate, Templated } from './data/chat/chat-template.ts'
export type { Message } from './data/chat/message.ts'
export type { Dataset, Row, Rows } from './data/dataset.ts'
export type { ExampleTokenizer } from './data/example-tokenizer.ts'
export type { PackingStrategy } from './data/pack-rows.ts'
export type { PrepareOptions, PrepareProgress } from './data/prepare-options.ts'
export type { PrepareReport } from './data/prepare-report.ts'
export { runFigures } from './train/run-figures.ts'
export { TrainingRun, type StepReport, type TrainOptions } from './train/training-run.ts'
export type { Batches } from './train/batch-pass.ts'
export type { LabelledBatch } from './train/labelled-batch.ts'
export {
  describedLoss,
  type LossAndMetrics,
  type LossContext,
  type LossSettings,
  type TrainingLoss,
} from './train/training-loss.ts'
export { dpoLoss, type DpoOptions } from './train/preference/dpo-loss.ts'
export { type LostDevice, ResilientRun, type ResilientRunOptions, type Snapshot } from './train/resilient-run.ts'
export { type PassedOver, type ReadArguments, trainingArguments } from './train/arguments/training-arguments.ts'
export type { TransformersNames } from './train/arguments/transformers-names.ts'
export type {
  CollatedOptions,
  ResolvedOptions,
  TrainingOptions,
  TrainingWarningCode,
} from './train/training-options.ts'
export {
  checkpointFileNames,
  checkpointFiles,
  restoreCheckpoint,
  type RestoreOptions,
  type RestoreReport,
} from './train/checkpoint.ts'
export type { RunDifference } from './train/run-differences.ts'
export type { RunIdentity } from './train/run-identity.ts'

export { generateTokens } from './generate/generate.ts'
export type { GenerationOptions } from './generate/generation-options.ts'
export { completeText, generateText } from './generate/generate-text.ts'
export type { Benchmark } from './evaluate/benchmark.ts'
export { evaluate, type EvaluateOptions } from './evaluate/evaluate.ts'
export type { Question } from './evaluate/question.ts'
export type { EvaluationTask, HumanScore } from './evaluate/tasks/task.ts'
export { evaluationTasks } from './evaluate/tasks/tasks.ts'
export type { ScoringTokenizer } from './evaluate/log-likelihood/request.ts'
export { type AccuracyComparison, compareAccuracy, type JudgedAnswers } from './evaluate/scores/compare-accuracy.ts'
export type { Baselines } from './evaluate/scores/baselines.ts'
export type { ChosenAnswer, DocumentScore } from './evaluate/scores/document-score.ts'
export { proportion, type Proportion } from './evaluate/scores/proportion.ts'
export { type EvaluationReport, type GroupReport, groupReport } from './evaluate/scores/report.ts'
export { evaluateLoss, type EvaluateLossOptions, type LossReport } from './evaluate/loss.ts'
export { bootstrapInterval, type BootstrapOptions, type Interval } from './evaluate/bootstrap.ts'
export {
  lossByGroup,
  lossChangeByGroup,
  type ExampleLoss,
  type GroupLoss,
  type LossByGroup,
  type LossFigures,
} from './evaluate/loss-by-group.ts'
export {
  corpusBleu,
  sentenceBleu,
  type BleuOptions,
  type CorpusBleu,
  type CorpusBleuOptions,
  type SentenceBleu,
} from './evaluate/text/bleu.ts'
export {
  answerChecker,
  type AnswerCheckerOptions,
  type AnswerFlag,
  checkAnswer,
} from './evaluate/check/check-answer.ts'
export { type AnswersCheck, checkAnswers, type CheckAnswersOptions } from './evaluate/check/check-answers.ts'
export type { ClaimKind } from './evaluate/check/claim.ts'
export type { SameNames } from './evaluate/check/names.ts'
export { rouge, type RougeFigures, type RougeOptions, type RougeReport } from './evaluate/text/rouge.ts'
export type { BleuCounts, BleuScore, SmoothMethod } from './evaluate/text/bleu-score.ts'
export type { BleuTokenizer } from './evaluate/text/bleu-tokenizers.ts'
export type { RougeScore, RougeType } from './evaluate/text/rouge-score.ts'
export type { References } from './evaluate/text/text-pairs.ts'
export { selfAgreement, type SelfAgreement } from './evaluate/text/self-agreement.ts'
export { textFigures, type TextFigures } from './evaluate/text/text-figures.ts'
export { cardResults, type CardReports, type Measured, type MeasuredRouge } from './evaluate/card/card-results.ts'
export type { AnswerGroupOptions } from './evaluate/text/answer-groups.ts'

export { loadBenchmark, type LoadBenchmarkOptions } from './io/benchmarks/load-benchmark.ts'
export type { RunDirectory, RunPlace, RunStore } from './io/runs/run-store.ts'
export { Trainer, type TrainResult } from './trainer/trainer.ts'
export { trainingCard, type TrainingCardOptions } from './trainer/training-card.ts'
export { exportRecipe, type RecipeOptions } from './trainer/recipe/export-recipe.ts'
export { train, type TrainDatasetOptions } from './trainer/train.ts'
export { type PreferenceDataset, trainDpo, type TrainDpoOptions } from './trainer/preference/train-dpo.ts'
export { ProgressLine, type ProgressOptions, type ProgressStream } from './trainer/progress/progress-line.ts'
export type { ReportContent } from './trainer/report/report-page.ts'
export { trainingReport } from './trainer/report/training-report.ts'
export type { LaterAnswer, Sample, SamplesOptions } from './trainer/report/samples.ts'
export type { ReportName } from './trainer/watchers.ts'
export type { IntervalStrategy, OwnTrainerOptions, TrainerOptions } from './trainer/trainer-options.ts'
export type {
  BestEvaluation,
  EvaluationEntry,
  LogHistory,
  TrainerCallback,
  TrainerContext,
  TrainerControl,
} from './trainer/trainer-callback.ts'
