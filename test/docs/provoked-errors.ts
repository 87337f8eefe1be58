import { type ErrorCode, MedAwareError } from '../../src/core/errors.ts'
import type { CpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { openDevice, type OpenDeviceOptions } from '../../src/device/open-device.ts'
import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { loadDataset } from '../../src/io/dataset/load-dataset.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import { parseModelConfig } from '../../src/models/architectures.ts'
import { mul } from '../../src/ops/mul.ts'
import { fromArray, zeros } from '../../src/tensor/tensor.ts'
import type { LabelledBatch } from '../../src/train/labelled-batch.ts'
import type { TrainingLoss } from '../../src/train/training-loss.ts'
import { openTestCpu } from '../device/cpu-under-test.ts'
import { testGpu } from '../device/test-gpu.ts'
import { collected, randomExamples, tinyRun } from '../train/tiny-run.ts'

const nowhere: TrainingLoss<LabelledBatch> = (model, batch, { normalizer }) => {
  return mul(model.loss(batch, batch.labels, normalizer), NaN)
}

/** Something that ends in an error of each code, as a user may meet it. */
const provocations: Readonly<Record<ErrorCode, () => Promise<unknown>>> = {
  shape: () => onCpu((device) => fromArray(device, new Float32Array(6), [2, 4], 'x')),
  config: () => openDevice(JSON.parse('{ "devise": "cpu" }') as OpenDeviceOptions),
  format: async () => {
    const torn = new File(['{"text": "whole"}\n"torn"\n'], 'rows.jsonl')
    for await (const row of await loadDataset(torn)) Object.keys(row)
  },
  'not-found': () => onCpu((device) => loadModel('./no-such-model', { device })),
  unsupported: async () => parseModelConfig({ model_type: 'gpt2' }),
  memory: () => onCpu((device) => zeros(device, [100_000, 20_000], 'logits')),
  disk: () => loadDataset('docs', { format: 'jsonl' }),
  device: async () => {
    const device = await openTestCpu()
    device.dispose()
    zeros(device, [8])
  },
  'device-lost': async () => {
    const device = await openWebGpuDevice(await testGpu(), { tuning: 'off', selfTest: false })
    try {
      const x = zeros(device, [8])
      device.gpu.destroy()
      await x.read()
    } finally {
      device.dispose()
    }
  },
  numeric: () =>
    onCpu(async (device) => {
      const { run, dispose } = await tinyRun(device, randomExamples(4), { maxSteps: 1, loss: nowhere })
      try {
        await collected(run)
      } finally {
        dispose()
      }
    }),
  network: () => {
    const fetch = async () => new Response('', { status: 403 })
    return loadDataset('https://example.org/rows.jsonl', { hub: { fetch } })
  },
}

/** Every code there is. */
export const errorCodes = Object.keys(provocations) as ErrorCode[]

/** Does what ends in an error of this code. @throws Error where it does not. */
export async function provokedError(code: ErrorCode): Promise<MedAwareError> {
  try {
    await provocations[code]()
  } catch (error) {
    if (error instanceof MedAwareError && error.code === code) return error
    throw error
  }
  throw new Error(`nothing was thrown that has the code ${code}`)
}

async function onCpu<T>(use: (device: CpuDevice) => T): Promise<Awaited<T>> {
  const device = await openTestCpu()
  try {
    return await use(device)
  } finally {
    device.dispose()
  }
}
