/** Whose option an argument is: a run's, a trainer's, of who makes examples of rows, or of DPO alone. */
export type ArgumentOwner = 'run' | 'trainer' | 'data' | 'dpo'

/** What an argument of transformers' TrainingArguments and TRL's SFTConfig or DPOConfig means here. */
export interface Argument {
  /** Whose option it is; `null` for what has no meaning here. */
  readonly to: ArgumentOwner | null
  /** Its name there. Default: the same in camelCase. */
  readonly as?: string
  /** Values that say no more than nothing, beside null. */
  readonly usual?: readonly unknown[]
  /** Why it has no meaning here. */
  readonly why?: string
  /** Whether any other value would change what is learned, so that it is refused rather than passed over. */
  readonly isRefused?: boolean
}

const own = (to: ArgumentOwner, usual: readonly unknown[] = [], as?: string): Argument => {
  return as === undefined ? { to, usual } : { to, usual, as }
}
const idle = (why: string, ...usual: readonly unknown[]): Argument => ({ to: null, why, usual })
const refused = (why: string, ...usual: readonly unknown[]): Argument => ({ to: null, why, usual, isRefused: true })

const oneDevice = 'there is one process with one device'
const kernels = 'the device chooses its programs itself'
const precision = 'trained weights and sums are f32, and loadModel says how the base is stored'
const memory = 'device memory is freed as soon as nothing needs it'
const onHost = 'rows are read and tokenized in this process'
const logs = 'loggers are callbacks of the trainer'
const upload = 'nothing is uploaded'
const lists = 'an evaluation adds up losses and keeps no logits'
const onePairLoss = 'pairs have one loss, sigmoid'
const noSync = 'the reference stays as it is'
const older = 'it is of earlier versions'
const evaluations = 'evaluations give losses'

/**
 * What each argument means, by its name in camelCase; those of transformers 5.23 and TRL 1.16, and a few older ones.
 */
export const argumentTable: Readonly<Record<string, Argument>> = {
  perDeviceTrainBatchSize: own('run'),
  numTrainEpochs: own('run'),
  maxSteps: own('run', [-1]),
  learningRate: own('run'),
  lrSchedulerType: own('run'),
  lrSchedulerKwargs: own('run'),
  warmupSteps: own('run', [0]),
  warmupRatio: own('run', [0]),
  optim: own('run'),
  weightDecay: own('run'),
  adamBeta1: own('run'),
  adamBeta2: own('run'),
  adamEpsilon: own('run'),
  gradientAccumulationSteps: own('run'),
  maxGradNorm: own('run'),
  gradientCheckpointing: own('run'),
  activationCheckpointing: own('run', [], 'gradientCheckpointing'),
  loggingSteps: own('run'),
  labelSmoothingFactor: own('run'),
  neftuneNoiseAlpha: own('run'),
  disableDropout: own('run'),
  seed: own('run'),
  dataSeed: own('run'),
  groupByLength: own('run', [false]),
  trainSamplingStrategy: own('run', ['random']),

  outputDir: own('trainer'),
  reportTo: own('trainer', ['none', []]),
  evalStrategy: own('trainer'),
  evalSteps: own('trainer'),
  perDeviceEvalBatchSize: own('trainer', [8], 'evalBatchSize'),
  evalOnStart: own('trainer', [false]),
  saveStrategy: own('trainer', ['steps']),
  saveSteps: own('trainer', [500]),
  saveTotalLimit: own('trainer'),
  loadBestModelAtEnd: own('trainer', [false]),
  metricForBestModel: own('trainer'),
  greaterIsBetter: own('trainer'),
  resumeFromCheckpoint: own('trainer'),
  evaluationStrategy: own('trainer', [], 'evalStrategy'),

  maxLength: own('data'),
  maxSeqLength: own('data', [], 'maxLength'),
  truncationMode: own('data', ['keep_start']),
  packing: own('data', [false]),
  packingStrategy: own('data', ['bfd']),
  completionOnlyLoss: own('data'),
  assistantOnlyLoss: own('data', [false]),
  datasetTextField: own('data', ['text']),

  beta: own('dpo'),
  labelSmoothing: refused('only other losses of pairs than sigmoid heed it', 0),
  lossWeights: refused(onePairLoss),
  ldAlpha: refused(onePairLoss),
  fDivergenceType: refused(onePairLoss, 'reverse_kl'),
  fAlphaDivergenceCoef: idle(onePairLoss, 0.5),
  useWeighting: refused(onePairLoss, false),
  discopopTau: idle(onePairLoss, 0.05),
  syncRefModel: refused('the reference is the model with its adapter off', false),
  refModelMixupAlpha: idle(noSync, 0.6),
  refModelSyncSteps: idle(noSync, 512),
  precomputeRefLogProbs: idle('the reference is asked in each step', false),
  precomputeRefBatchSize: idle('the reference is asked in each step'),

  optimArgs: refused('settings of an optimizer are given with it, as { type, … }'),
  optimTargetModules: refused('it is of optimizers that are not here'),
  lossType: refused(
    'what is learned is the mean cross-entropy, or of pairs the sigmoid loss',
    ...['nll', 'chunked_nll', 'sigmoid', ['sigmoid']],
  ),
  routerAuxLossCoef: refused('no architecture with experts is known', 0),
  modelInitKwargs: refused('give them to loadModel'),
  chatTemplatePath: refused('give the template to the tokenizer'),
  datasetKwargs: refused('give rows that are ready'),
  eosToken: refused('name it in tokenizer_config.json'),
  evalPacking: refused('evaluations take examples as they come'),
  ignoreDataSkip: refused('going on passes over what was read', false),
  autoFindBatchSize: refused('planMemory says which batch fits', false),
  enableJitCheckpoint: refused('a signal ends a run between two batches', false),
  pushToHub: refused(upload, false),
  deepspeed: refused(oneDevice),
  fsdp: refused(oneDevice, '', false, []),
  fsdpConfig: refused(oneDevice),
  parallelismConfig: refused(oneDevice),
  labelNames: refused('labels are called labels', ['labels']),
  includeForMetrics: refused(evaluations, []),
  batchEvalMetrics: idle(evaluations, false),

  shuffleDataset: idle('examples are shuffled anew for each pass', false),
  dataloaderDropLast: refused('the last examples of a pass are trained on too', false),
  paddingFree: idle('packing says whether rows are padded', false),
  padToMultipleOf: idle('rows are padded to the longest', 'auto'),
  padToken: idle('padding is masked, whatever its id'),
  removeUnusedColumns: idle('columns that are not needed are not read', true),
  lengthColumnName: idle('lengths are counted', 'length'),

  averageTokensAcrossDevices: idle(oneDevice, true),
  ddpFindUnusedParameters: idle(oneDevice),
  ddpBucketCapMb: idle(oneDevice),
  ddpBroadcastBuffers: idle(oneDevice),
  ddpStaticGraph: idle(oneDevice),
  ddpBackend: idle(oneDevice),
  ddpTimeout: idle(oneDevice, 1800),
  localRank: idle(oneDevice, -1),
  acceleratorConfig: idle(oneDevice),
  logOnEachNode: idle(oneDevice, true),
  logLevelReplica: idle(oneDevice, 'warning'),
  saveOnEachNode: idle(oneDevice, false),

  bf16: idle(precision, false),
  fp16: idle(precision, false),
  tf32: idle(precision, false),
  bf16FullEval: idle(precision, false),
  fp16FullEval: idle(precision, false),
  torchCompile: idle(kernels, false),
  torchCompileBackend: idle(kernels),
  torchCompileMode: idle(kernels),
  useLigerKernel: idle(kernels, false),
  ligerKernelConfig: idle(kernels),
  useCpu: idle('openDevice chooses the device', false),
  fullDeterminism: idle('the same seed gives the same bits anyway', false, true),
  gradientCheckpointingKwargs: idle('there is one way to do it'),
  activationCheckpointingKwargs: idle('there is one way to do it'),
  activationOffloading: idle(memory, false),
  torchEmptyCacheSteps: idle(memory),
  useCache: idle('training keeps no cache', false),

  datasetNumProc: idle(onHost),
  dataloaderNumWorkers: idle(onHost, 0),
  dataloaderPinMemory: idle(onHost, true, false),
  dataloaderPersistentWorkers: idle(onHost, false),
  dataloaderPrefetchFactor: idle(onHost),
  dataloaderMultiprocessingContext: idle(onHost),
  dataloaderInOrder: idle(onHost, true),

  loggingStrategy: idle(logs, 'steps'),
  loggingFirstStep: idle(logs, false),
  loggingNanInfFilter: idle('a loss that is not finite ends the run', true, false),
  includeNumInputTokensSeen: idle('reports tell tokens', 'no', false),
  logLevel: idle(logs, 'passive'),
  disableTqdm: idle(logs),
  runName: idle(logs),
  project: idle(logs, 'huggingface'),
  trackioSpaceId: idle(logs),
  trackioBucketId: idle(logs),
  trackioStaticSpaceId: idle(logs),
  skipMemoryMetrics: idle(logs, true),
  debug: idle(logs, '', []),

  evalDelay: idle('evaluations begin with the first interval', 0),
  predictionLossOnly: idle(lists, false, true),
  evalDoConcatBatches: idle(lists, true),
  evalUseGatherObject: idle(lists, false),
  evalAccumulationSteps: idle(lists),
  saveOnlyModel: idle('a checkpoint is whole', false),
  restoreCallbackStatesFromCheckpoint: idle('a checkpoint is whole', false),
  hubToken: idle(upload),
  hubPrivateRepo: idle(upload),
  hubModelId: idle(upload),
  hubStrategy: idle(upload, 'every_save'),
  hubAlwaysPush: idle(upload, false),
  hubRevision: idle(upload),
  trustRemoteCode: idle('no code of a repository is run', false),
  doTrain: idle('who calls says what is done', false, true),
  doEval: idle('who calls says what is done', false, true),
  doPredict: idle('who calls says what is done', false),

  loggingDir: idle(older),
  overwriteOutputDir: idle(older, false),
  saveSafetensors: idle(older, true),
  noCuda: idle(older, false),
  useMpsDevice: idle(older, false),
  jitModeEval: idle(older, false),
  pastIndex: idle(older, -1),
  tpuNumCores: idle(older),
  rayScope: idle(older, 'last'),
  halfPrecisionBackend: idle(older, 'auto'),
  fp16Backend: idle(older, 'auto'),
  fp16OptLevel: idle(older, 'O1'),
  torchdynamo: idle(older),
}
