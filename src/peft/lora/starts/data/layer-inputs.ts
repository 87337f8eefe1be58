import { noGrad } from '../../../../autograd/no-grad.ts'
import { check } from '../../../../core/errors.ts'
import { copyOf, type Tensor } from '../../../../tensor/tensor.ts'
import { type Adaptable, deviceOf } from '../../../adaptable.ts'
import { AdaptedHead, projectionHost } from '../../../layers/adapted-head.ts'
import { type AdaptedProjection, LinearAdapter, type Project } from '../../../layers/adapted-linear.ts'
import { disableAdapter } from '../../../several/several-adapters.ts'
import type { StartBatch } from './batches.ts'

/** A model that reads batches. */
export interface Reader extends Adaptable {
  forward(batch: StartBatch): Tensor
  /** The same for the last token of each row, which costs less. */
  lastLogits?(batch: StartBatch): Tensor
}

/** Whether a model does. */
export function isReader(model: Adaptable): model is Reader {
  return 'forward' in model && typeof model.forward === 'function'
}

/**
 * Lets a model read a batch, and shows what some of its layers get.
 * @param take Is given each input, f32 [b, t, in] or [b · t, in], with the paths of all layers that get it. The tensor
 * is freed when it is done.
 */
export type ReadInputs = (
  batch: StartBatch,
  wanted: ReadonlySet<string>,
  take: (paths: readonly string[], x: Tensor) => Promise<void>,
) => Promise<void>

/** A name that no adapter has. */
const tapName = ''

/**
 * Does some work with a model whose layers tell what they get. The model computes as its base does, out of training and
 * without history; afterwards it is as before. The inputs of one batch are on the device at once.
 * @param paths Of projections.
 */
export async function withLayerInputs<T>(
  model: Reader,
  paths: readonly string[],
  work: (read: ReadInputs) => Promise<T>,
): Promise<T> {
  const { memory } = deviceOf(model)
  let onInput: (path: string, x: Tensor) => void = () => undefined
  const { training } = model
  const standing = new Map(model.namedModules())
  const taps: Tap[] = []
  return disableAdapter(model, async () => {
    try {
      if (training) model.train(false)
      for (const path of paths) {
        const there = standing.get(path)
        const host = there === undefined ? null : projectionHost(there)
        if (host === null) throw new Error(`${path}: no linear layer`)
        const [isEnabled, active] = [host.isEnabled, host.active]
        taps.push({ path, host, isEnabled, active })
        host.add(tapName, new InputTap((x) => onInput(path, x)))
        host.activate([tapName])
        host.isEnabled = true
        if (host !== there) model.replace(path, host)
      }
      return await work(read)
    } finally {
      for (const tap of taps) takeOff(model, tap)
      if (training) model.train(true)
    }
  })

  async function read(...[batch, wanted, take]: Parameters<ReadInputs>): Promise<void> {
    const copies = new Map<Tensor, { readonly copy: Tensor; readonly paths: string[] }>()
    onInput = (path, x) => {
      if (!wanted.has(path)) return
      const known = copies.get(x)
      if (known !== undefined) known.paths.push(path)
      else copies.set(x, { copy: memory.rooted(() => copyOf(x, `input of ${path}`)), paths: [path] })
    }
    try {
      const needsAll = taps.some(({ path, host }) => host instanceof AdaptedHead && wanted.has(path))
      memory.scoped(() => {
        noGrad(() => (needsAll || model.lastLogits === undefined ? model.forward(batch) : model.lastLogits(batch)))
      })
      for (const { copy, paths: those } of copies.values()) {
        check(copy.count === batch.inputIds.length * copy.columns, 'unsupported', () => {
          return `${those[0]} gets ${copy.count / copy.columns} rows of a batch of ${batch.inputIds.length} tokens; leave it out of targetModules`
        })
        await take(those, copy)
        copy.dispose()
      }
    } finally {
      for (const { copy } of copies.values()) copy.dispose()
    }
  }
}

interface Tap {
  readonly path: string
  readonly host: AdaptedProjection
  readonly isEnabled: boolean
  readonly active: readonly string[]
}

function takeOff(model: Reader, { path, host, isEnabled, active }: Tap): void {
  if (host.adapters.has(tapName)) host.remove(tapName)
  host.activate(active)
  host.isEnabled = isEnabled
  if (host.adapters.size === 0) model.replace(path, host.base)
}

/** Tells what a projection gets, and changes nothing. */
class InputTap extends LinearAdapter {
  constructor(readonly onInput: (x: Tensor) => void) {
    super({})
  }

  forward(x: Tensor, project: Project): Tensor {
    this.onInput(x)
    return project(x)
  }

  mergeWeight(weight: Tensor): Tensor {
    return weight
  }

  describe(): string {
    return 'tells inputs'
  }
}
