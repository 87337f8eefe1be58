import { attachAdapter, loadModel, Trainer, type TrainerCallback } from 'peft-medaware'
import { storageOf } from './arm.ts'
import type { Kind } from './arms.ts'
import type { Bench } from './run-arm.ts'

/** What a step of a kind takes, on one thread of the CPU. */
export interface Timing {
  readonly name: string
  /** Seconds of a step, the least of some, of the processor's, which other load disturbs less, and by the clock. */
  readonly processor: number
  readonly clock: number
  readonly steps: number
  /** The most that was on the device at a time. */
  readonly deviceBytes: number
}

/** Steps that are passed over, in which code is still being optimised, and steps that are timed. */
const [warmUp, timed] = [8, 8]

/** Times steps of the protocol's batches; nothing is kept of what they learn. */
export async function timeKind(bench: Bench, { name, trained, bits }: Kind): Promise<Timing> {
  const { device, protocol, onWarning, signal } = bench
  const { model } = await loadModel(bench.source, { device, ...storageOf(bits), onWarning })
  try {
    if (trained === 'all weights') model.setRequiresGrad(true)
    else attachAdapter(model, trained, { seed: 0 })
    const times: { processor: number; clock: number }[] = []
    let last = { processor: process.cpuUsage(), clock: performance.now() }
    const watch: TrainerCallback = {
      name: 'timing',
      onStepEnd: () => {
        const { user, system } = process.cpuUsage(last.processor)
        times.push({ processor: (user + system) / 1e6, clock: (performance.now() - last.clock) / 1000 })
        last = { processor: process.cpuUsage(), clock: performance.now() }
      },
    }
    device.memory.resetPeak()
    const trainer = new Trainer(model, bench.examples, {
      ...{ maxSteps: warmUp + timed, batchSize: protocol.batch, groupByLength: true, seed: 0, maxGradNorm: 1 },
      ...{ learningRate: 1e-4, schedule: 'constant', reportTo: 'none' },
      ...{ callbacks: [watch], onWarning, signal },
    })
    await trainer.train()
    trainer.dispose()
    const least = (of: 'processor' | 'clock') => {
      return Number(Math.min(...times.slice(warmUp).map((each) => each[of])).toPrecision(4))
    }
    const deviceBytes = device.memory.peakBytes
    return { name, processor: least('processor'), clock: least('clock'), steps: timed, deviceBytes }
  } finally {
    model.dispose()
  }
}
