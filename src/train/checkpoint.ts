import { check, MedAwareError } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import { writeSafetensors, type TensorToWrite } from '../safetensors/writer.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { TrainingRun } from './training-run.ts'

/** Names of the two files of a checkpoint. */
export const checkpointFiles = { state: 'trainer_state.json', tensors: 'training_state.safetensors' } as const

/** What a run must agree on with the one that it goes on from. */
interface TrainerState {
  readonly step: number
  readonly steps: number
  readonly examples: number
  readonly options: Readonly<Record<string, unknown>>
}

/** Everything needed to go on bit for bit: parameters, both moments, the step and the options. */
export async function saveCheckpoint(run: TrainingRun): Promise<Map<string, Uint8Array | string>> {
  const state: TrainerState = {
    step: run.step,
    steps: run.steps,
    examples: run.examples.length,
    options: { ...run.options },
  }
  const tensors: TensorToWrite[] = []
  for (const [name, tensor] of stateTensors(run))
    tensors.push({ name, dtype: 'F32', shape: tensor.shape, data: await tensor.read() })
  return new Map<string, Uint8Array | string>([
    [checkpointFiles.tensors, writeSafetensors(tensors, { format: 'pt', step: String(run.step) })],
    [checkpointFiles.state, `${JSON.stringify(state, null, 2)}\n`],
  ])
}

/**
 * Brings a fresh run to where the saved one was.
 * @throws MedAwareError `config` when the runs differ in an option, in steps or in the number of examples, `format` or
 * `not-found` when a file does not fit; the run is unchanged then.
 */
export async function restoreCheckpoint(run: TrainingRun, stateJson: string, reader: TensorReader): Promise<void> {
  const state = parseState(stateJson)
  const now: TrainerState = { step: 0, steps: run.steps, examples: run.examples.length, options: { ...run.options } }
  const differs = [...settings(now)].filter(([key, value]) => settings(state).get(key) !== value)
  check(differs.length === 0, 'config', () => {
    const list = differs.map(([key, value]) => `${key} was ${settings(state).get(key) ?? 'unset'}, is ${value}`)
    return `restoreCheckpoint: the saved run differs: ${list.join('; ')}; give the same options or start afresh`
  })
  const { step = 'unknown' } = reader.metadata
  check(step === String(state.step), 'format', () => {
    return `restoreCheckpoint: ${checkpointFiles.state} is of step ${state.step}, ${checkpointFiles.tensors} of step ${step}; use an older checkpoint`
  })
  const wanted = new Map(stateTensors(run))
  const unexpected = reader.names.find((name) => !wanted.has(name))
  check(
    unexpected === undefined,
    'format',
    () => `restoreCheckpoint: this run does not train ${unexpected}; attach the adapter that was saved`,
  )
  const loaded: [Tensor, Float32Array][] = []
  for (const [name, tensor] of wanted) {
    const { shape } = reader.info(name)
    check(
      sameShape(shape, tensor.shape),
      'format',
      () => `restoreCheckpoint: ${name} is ${showShape(shape)}, not ${showShape(tensor.shape)}`,
    )
    loaded.push([tensor, await reader.readF32(name)])
  }
  for (const [tensor, values] of loaded) tensor.write(values)
  run.optimizer.steps = state.step
}

function stateTensors(run: TrainingRun): [string, Tensor][] {
  return [...run.model.namedWeights()].flatMap(([path, weight]): [string, Tensor][] => {
    const moments = 'dtype' in weight ? run.optimizer.moments.get(weight) : undefined
    if (!('dtype' in weight) || moments === undefined) return []
    return [
      [`parameter.${path}`, weight],
      [`m.${path}`, moments.m],
      [`v.${path}`, moments.v],
    ]
  })
}

/** What changes a run's numbers, which gradient checkpointing and the time of reports do not. */
function settings(state: TrainerState): Map<string, string> {
  const { gradientCheckpointing: _, loggingSteps: __, ...options } = state.options
  const all = { ...options, steps: state.steps, examples: state.examples }
  return new Map(Object.entries(all).map(([key, value]) => [key, JSON.stringify(value)]))
}

function parseState(json: string): TrainerState {
  let state: Partial<TrainerState> | null
  try {
    state = JSON.parse(json) as Partial<TrainerState> | null
  } catch (cause) {
    throw new MedAwareError('format', `restoreCheckpoint: ${checkpointFiles.state} is not JSON`, { cause })
  }
  const { step, steps, examples, options } = state ?? {}
  if (
    typeof step === 'number' &&
    typeof steps === 'number' &&
    typeof examples === 'number' &&
    options instanceof Object
  ) {
    return { step, steps, examples, options }
  }
  throw new MedAwareError(
    'format',
    `restoreCheckpoint: ${checkpointFiles.state} lacks step, steps, examples or options`,
  )
}
