import { waitForGpu } from '#platform'
import { MedAwareError, messageOf } from '../../core/errors.ts'

type Work<T> = () => T

/**
 * What went wrong with a GPU device. It says so late and by other ways than a call's own, so the first fault is kept,
 * and every call after it throws that one error.
 */
export class Faults {
  readonly #device: GPUDevice
  #first: MedAwareError | null = null
  #isClosed = false
  /** What the adapter has not answered for yet. */
  readonly #open = new Set<Promise<void>>()
  /** Waits that a loss ends. */
  readonly #waits = new Set<() => void>()
  readonly #lost: Promise<void>

  constructor(device: GPUDevice) {
    this.#device = device
    device.addEventListener('uncapturederror', ({ error }) => this.#refuse(error, []))
    this.#lost = device.lost.then(({ reason, message }) => {
      if (!this.#isClosed) this.#first ??= lossOf(reason, message)
      for (const wait of this.#waits) wait()
    })
  }

  /** Whether the device is open, and has refused nothing. */
  get areNone(): boolean {
    return this.#first === null
  }

  /** @throws MedAwareError when the device was lost, disposed, or has refused earlier work. */
  throwFirst(): void {
    if (this.#first !== null) throw this.#first
  }

  /** Does work for kernels; what the adapter has against it is reported under their names. */
  naming<T>(names: () => readonly string[], work: Work<T>): T {
    this.#device.pushErrorScope('validation')
    try {
      return work()
    } finally {
      this.#answer((error) => this.#refuse(error, names()))
    }
  }

  /** Makes a buffer; an adapter that has no memory for it is heard of at the next `verdict`. */
  createBuffer(descriptor: GPUBufferDescriptor & { readonly label: string }, held: Work<string>): GPUBuffer {
    this.#device.pushErrorScope('out-of-memory')
    const buffer = this.#device.createBuffer(descriptor)
    const { label, size } = descriptor
    this.#answer(({ message }) => {
      this.#first ??= new MedAwareError(
        'memory',
        `webgpu: the adapter has no memory for ${label}, ${size} bytes beside ${held()}; take smaller batches or shorter ` +
          `examples, turn on gradientCheckpointing, or use { device: 'cpu' } (${message.trim()})`,
      )
    })
    return buffer
  }

  /** Waits until it is known whether the device took all that it was given so far. @throws MedAwareError if not. */
  async verdict(): Promise<void> {
    await Promise.all(this.#open)
    this.throwFirst()
  }

  /** Waits for a promise of the device, at most until the device is lost. @throws MedAwareError if it is rejected. */
  async unlessLost(who: string, promise: Promise<unknown>): Promise<void> {
    try {
      await waitForGpu(this.#orLost(promise))
    } catch (cause) {
      // The news of a loss may come just after what it made fail.
      await this.#orLost(new Promise((resolve) => setTimeout(resolve, 100)))
      await this.verdict()
      throw new MedAwareError('device', `webgpu: ${who} failed, ${messageOf(cause)}`, { cause })
    }
    this.throwFirst()
  }

  /** From here on every call throws. */
  close(): void {
    this.#isClosed = true
    this.#first ??= new MedAwareError('device', 'webgpu: the device was disposed; open a new one')
    for (const wait of this.#waits) wait()
  }

  #answer(refuse: (error: GPUError) => void): void {
    const answer = this.#device
      .popErrorScope()
      .then((error) => {
        if (error !== null) refuse(error)
      })
      .catch(() => this.#lost)
      .finally(() => this.#open.delete(answer))
    this.#open.add(answer)
  }

  /** Promises of a lost device need not settle, and what waits for one must not be kept by the other's callbacks. */
  #orLost(promise: Promise<unknown>): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const wait = () => resolve(undefined)
      this.#waits.add(wait)
      promise.then(resolve, reject).finally(() => this.#waits.delete(wait))
      if (this.#first !== null) wait()
    })
  }

  #refuse(error: GPUError, names: readonly string[]): void {
    const [only, ...others] = names
    const who = only !== undefined && others.length === 0 ? only : 'webgpu'
    const where = others.length > 0 ? ` (in a batch of ${names.join(', ')})` : ''
    const isMemory = error.constructor.name === 'GPUOutOfMemoryError'
    this.#first ??= isMemory
      ? new MedAwareError('memory', `${who}: the adapter is out of memory, ${error.message}${where}`)
      : new MedAwareError('device', `${who}: the adapter refused work, ${error.message}${where}`)
  }
}

function lossOf(reason: string, message: string): MedAwareError {
  const why = [reason, message].filter((word) => word !== '').join(': ')
  return new MedAwareError(
    'device-lost',
    `webgpu: the device was lost (${why}); open a new one, load the model again and restore the last checkpoint`,
  )
}
