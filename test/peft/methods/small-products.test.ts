import { afterAll, describe, expect, it } from 'vitest'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { randomExamples } from '../../train/tiny-run.ts'
import { tinyFalcon } from '../tiny-falcon.ts'

const examples = randomExamples(2)

/** Configs that use all that draws, and what changes in a pass. */
const configs = [
  { peftType: 'LOHA', rankDropout: 0.2, moduleDropout: 0.2 },
  { peftType: 'LOKR', rankDropout: 0.2, moduleDropout: 0.2, decomposeBoth: true },
  { peftType: 'OFT', oftBlockSize: 8, coft: true, eps: 0.2 },
  { peftType: 'OFT', oftBlockSize: 8, useCayleyNeumann: false, blockShare: true, bias: 'all' },
] as const

const device = await openTestCpu()

describe('LoHa, LoKr and OFT', () => {
  afterAll(() => device.dispose())

  it.each(configs)('%j: trains, the same with checkpoints of blocks, and leaves no byte behind', async (config) => {
    const model = await tinyFalcon(device, 'nf4')
    const { liveBytes } = device.memory
    const losses: number[][] = []
    for (const isCheckpointed of [false, true]) {
      model.gradientCheckpointing = isCheckpointed
      const adapter = attachAdapter(model, { targetModules: 'all-linear', ...config })
      const run = new TrainingRun(model, examples, { batchSize: 2, maxSteps: 6, learningRate: 0.02, seed: 3 })
      const seen: number[] = []
      for await (const { loss } of run) seen.push(loss)
      losses.push(seen)
      run.dispose()
      adapter.detach()
      expect(device.memory.liveBytes).toBe(liveBytes)
    }
    const [plain = [], checkpointed = []] = losses
    expect(plain).toHaveLength(6)
    expect(plain[5]).toBeLessThan((plain[0] ?? NaN) - 0.05)
    plain.forEach((loss, step) => expect(checkpointed[step]).toBeCloseTo(loss, 4))
    model.dispose()
  })
})
