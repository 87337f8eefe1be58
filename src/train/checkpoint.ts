import { checksumOf } from '../core/checksum.ts'
import { check, MedAwareError } from '../core/errors.ts'
import { isJsonObject, parseJsonObject } from '../core/json.ts'
import {
  listOf,
  oneOf,
  type OptionRules,
  orNull,
  readArgument,
  readOptions,
  that,
  withMethods,
} from '../core/options.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { show } from '../core/show.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { SafetensorsDType } from '../safetensors/dtype.ts'
import { type TensorToWrite, writeSafetensors } from '../safetensors/writer.ts'
import type { DType } from '../core/dtype.ts'
import { describeSchedule } from '../optim/schedules/schedules.ts'
import type { Tensor } from '../tensor/tensor.ts'
import {
  describeDifferences,
  differencesOf,
  optimizerOf,
  type RunDifference,
  type SavedRun,
} from './run-differences.ts'
import { isIterated } from './model-claims.ts'
import { parseIdentity } from './run-identity.ts'
import { runRule, type TrainingRun } from './training-run.ts'

/**
 * Names of the two files of a checkpoint. The tensors' header holds the state as well, so that the one file is whole in
 * itself; the other is for people, and all that checkpoints of earlier versions have.
 */
export const checkpointFileNames = { state: 'trainer_state.json', tensors: 'training_state.safetensors' } as const

/** What a run must agree on with the one that it goes on from, and the checksum of each of its tensors. */
interface TrainerState extends SavedRun {
  readonly checksums?: Readonly<Record<string, string>>
}

/** How a run goes on from a checkpoint. */
export interface RestoreOptions {
  /**
   * Differences to go on with although they change what is learned, by the names that the refusal lists, such as
   * `['learningRate']` to go on at another rate. With `'examples'` batches are taken from their first one, and none is
   * passed over. Default none.
   */
  readonly acceptDifferences?: readonly string[]
}

/** What came of going on from a checkpoint. */
export interface RestoreReport {
  /** Steps done. */
  readonly step: number
  /**
   * In what the runs differ without a refusal: what was accepted, what changes rounding only, and what is not known.
   */
  readonly differences: readonly RunDifference[]
}

/**
 * Everything needed to go on bit for bit: parameters, the optimizer's state, the step, the options, and what to know
 * the run by again. Await it before the next step.
 * @throws MedAwareError `config` when the run went on meanwhile.
 */
export async function checkpointFiles(run: TrainingRun): Promise<Map<string, Uint8Array | string>> {
  readArgument('checkpointFiles', 'run', run, runRule)
  const saved = await describeRun(run)
  const tensors: TensorToWrite[] = []
  for (const [name, tensor] of stateTensors(run)) {
    tensors.push({ name, dtype: fileDTypes[tensor.dtype], shape: tensor.shape, data: await tensor.readBytes() })
  }
  check(run.step === saved.step, 'config', () => {
    return `checkpointFiles: the run went on from step ${saved.step} to ${run.step} meanwhile; await it before the next step`
  })
  const checksums = Object.fromEntries(tensors.map(({ name, data }) => [name, checksumOf(data)]))
  const state = JSON.stringify({ ...saved, checksums } satisfies TrainerState, null, 2)
  const metadata = { format: 'pt', step: String(saved.step), state, state_checksum: checksumOf(state) }
  return new Map<string, Uint8Array | string>([
    [checkpointFileNames.tensors, writeSafetensors(tensors, metadata)],
    [checkpointFileNames.state, `${state}\n`],
  ])
}

/**
 * Brings a run to where the saved one was, and says in what the two differ. What changes only rounding is passed over:
 * another device or engine, another version of the library.
 * @param stateJson The text of `trainer_state.json`; null where it is lost and the tensors' file holds the state
 * itself.
 * @throws MedAwareError `config` when the runs differ in what changes the result (options, steps, examples, adapter,
 * base), with every such difference, for another optimizer, or when the run is being iterated; `format` when a file is
 * damaged or does not fit the run or the other; `not-found` when a tensor is missing. The run is unchanged then.
 */
export async function restoreCheckpoint(
  run: TrainingRun,
  stateJson: string | null,
  reader: TensorReader,
  options: RestoreOptions = {},
): Promise<RestoreReport> {
  readArgument('restoreCheckpoint', 'run', run, runRule)
  readArgument('restoreCheckpoint', 'stateJson', stateJson, stateRule)
  readArgument('restoreCheckpoint', 'reader', reader, readerRule)
  const { acceptDifferences = [] } = readOptions('restoreCheckpoint', options, restoreRules(run))
  check(
    !isIterated(run.model, run),
    'config',
    () => 'restoreCheckpoint: the run is being iterated; leave its loop first',
  )
  const state = stateOf(stateJson, reader)
  const [was, is] = [optimizerOf(state.options).type, run.optimizer.name]
  check(was === is, 'config', () => {
    return (
      `restoreCheckpoint: the saved run is trained by ${show(was)}, this one by ${show(is)}, and the state of one is none of the ` +
      `other's; give { optimizer: ${show(was)} }, or start afresh`
    )
  })
  const differences = differencesOf(state, await describeRun(run))
  const refused = differences.filter(({ name, changes }) => changes === 'result' && !acceptDifferences.includes(name))
  check(refused.length === 0, 'config', () => {
    const names = [...new Set(refused.map(({ name }) => `'${name}'`))].join(', ')
    return (
      `restoreCheckpoint: the saved run differs: ${describeDifferences(refused)}; ` +
      `give the same options or start afresh, or go on with them knowingly by acceptDifferences: [${names}]`
    )
  })
  check(state.step <= run.steps, 'config', () => {
    return `restoreCheckpoint: the saved run is at step ${state.step}, this one has ${run.steps}; give it more steps`
  })
  const loaded = await readState(run, state, reader)
  if (state.schedule !== undefined) run.follower?.restore(state.schedule)
  for (const [tensor, bytes] of loaded) tensor.device.upload(tensor, bytes)
  await run.goTo(state.step, acceptDifferences.includes('examples') ? null : (state.data ?? null))
  return { step: state.step, differences }
}

const stateRule = orNull(that('the text of a file', (value): value is string => typeof value === 'string'))
const readerRule = withMethods<TensorReader>('a reader, such as openSafetensors gives', ['info', 'readF32'])

function restoreRules(run: TrainingRun): OptionRules<RestoreOptions> {
  const { optimizer: _, ...options } = run.options
  const settings = Object.keys(run.optimizer.hyperparameters)
  const names = [...Object.keys(options), ...settings, 'loss', 'dataCollator', 'steps', 'examples', 'adapter', 'base']
  return { acceptDifferences: listOf(oneOf(names)) }
}

async function describeRun(run: TrainingRun): Promise<SavedRun> {
  const { step, steps, examples, optimizer, position, lossSettings, hasOwnCollator } = run
  const options = {
    ...run.options,
    schedule: describeSchedule(run.options.schedule, steps),
    optimizer: { type: optimizer.name, ...optimizer.hyperparameters },
    ...(lossSettings && { loss: lossSettings }),
    ...(hasOwnCollator && { dataCollator: 'own' }),
  }
  const data = position ?? undefined
  const schedule = run.follower?.state()
  return { step, steps, examples: examples.length, data, options, schedule, identity: await run.identify() }
}

/** What is to be written, read and checked whole before anything changes. */
async function readState(
  run: TrainingRun,
  { checksums }: TrainerState,
  reader: TensorReader,
): Promise<[Tensor, Uint8Array][]> {
  const wanted = stateTensors(run)
  const unexpected = reader.names.find((name) => !wanted.has(name))
  check(unexpected === undefined, 'format', () => {
    return `restoreCheckpoint: this run does not train ${unexpected}; attach the adapter that was saved`
  })
  for (const [name, tensor] of wanted) {
    const { shape, dtype } = reader.info(name)
    check(sameShape(shape, tensor.shape), 'format', () => {
      return `restoreCheckpoint: ${name} is ${showShape(shape)}, not ${showShape(tensor.shape)}`
    })
    const wants = fileDTypes[tensor.dtype]
    check(dtype === wants, 'format', () => `restoreCheckpoint: ${name} is in ${dtype}, not ${wants}`)
  }
  const loaded: [Tensor, Uint8Array][] = []
  for (const [name, tensor] of wanted) {
    const bytes = await reader.readBytes(name)
    check(checksums === undefined || checksums[name] === checksumOf(bytes), 'format', () => {
      return `restoreCheckpoint: ${name} in ${checkpointFileNames.tensors} is damaged, its checksum is not the saved one; ${olderOne}`
    })
    loaded.push([tensor, bytes])
  }
  return loaded
}

/**
 * Every tensor that a step changes, by its name in the file. @throws MedAwareError `config` for a name that comes
 * twice.
 */
function stateTensors(run: TrainingRun): ReadonlyMap<string, Tensor> {
  const { model, optimizer } = run
  const tensors = new Map<string, Tensor>()
  const add = (name: string, tensor: Tensor) => {
    check(
      !tensors.has(name),
      'config',
      () => `checkpoint: the optimizer ${optimizer.name} has two tensors called ${name}`,
    )
    tensors.set(name, tensor)
  }
  const [trained, state] = [new Set(optimizer.parameters), run.state()]
  for (const [path, weight] of model.namedWeights()) {
    if (!('dtype' in weight) || !trained.has(weight)) continue
    add(`parameter.${path}`, weight)
    for (const { name, parameter, tensor } of state) if (parameter === weight) add(`${name}.${path}`, tensor)
  }
  for (const { name, parameter, tensor } of state) if (parameter === null) add(`optimizer.${name}`, tensor)
  return tensors
}

const fileDTypes: Readonly<Record<DType, SafetensorsDType>> = {
  f32: 'F32',
  f16: 'F16',
  bf16: 'BF16',
  i32: 'I32',
  u8: 'U8',
}

/**
 * The state in the tensors' header, where there is one. What lies beside it may be of another step then: a program can
 * end between the renames of the two files.
 */
function stateOf(stateJson: string | null, { metadata }: TensorReader): TrainerState {
  const { state: own, state_checksum: checksum, step = 'unknown' } = metadata
  check(own === undefined || checksum === checksumOf(own), 'format', () => {
    return `restoreCheckpoint: the state in ${checkpointFileNames.tensors} is damaged, its checksum is not the saved one; ${olderOne}`
  })
  const beside = stateJson === null ? null : parseState(checkpointFileNames.state, stateJson, own !== undefined)
  const state = own === undefined ? beside : parseState(checkpointFileNames.tensors, own)
  check(state !== null, 'not-found', () => {
    return `restoreCheckpoint: there is no ${checkpointFileNames.state}, and ${checkpointFileNames.tensors} of an earlier version holds no state`
  })
  check(step === String(state.step), 'format', () => {
    const { state: name, tensors } = checkpointFileNames
    return `restoreCheckpoint: ${name} is of step ${state.step}, ${tensors} of step ${step}; ${olderOne}`
  })
  return state
}

const olderOne = 'use an older checkpoint'

/** Whether a state has what every checkpoint says; what newer ones add is checked apart. */
function isWhole(state: object): state is TrainerState {
  const { step, steps, examples, options }: { readonly [key in keyof TrainerState]?: unknown } = state
  const areCounts = [step, steps, examples].every((value) => Number.isSafeInteger(value) && Number(value) >= 0)
  return areCounts && isJsonObject(options)
}

function parseState(name: string, json: string, canGo = false): TrainerState {
  const who = `restoreCheckpoint: ${name}`
  try {
    const state = parseJsonObject(who, json)
    const { data, identity, checksums } = state
    check(isWhole(state), 'format', () => `${who} lacks step, steps, examples or options`)
    check(checksums === undefined || isJsonObject(checksums), 'format', () => `${who}: checksums must be an object`)
    check(data === undefined || isPosition(data), 'format', () => `${who}: data is torn`)
    if (identity !== undefined) parseIdentity(who, identity)
    return state
  } catch (error) {
    if (!canGo || !(error instanceof MedAwareError)) throw error
    const remedy = `remove it, ${checkpointFileNames.tensors} holds the state too`
    throw new MedAwareError(error.code, `${error.message}; ${remedy}`, { cause: error })
  }
}

function isPosition(data: unknown): boolean {
  if (!isJsonObject(data)) return false
  const { epoch, batches, hash } = data
  return (
    [epoch, batches].every((value) => Number.isSafeInteger(value) && Number(value) >= 0) && typeof hash === 'string'
  )
}
