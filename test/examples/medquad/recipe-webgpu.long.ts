import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { saveModel } from '../../../src/io/save/save-model.ts'
import { falconRwConfig } from '../../../src/models/falcon/falcon-config.ts'
import { modelWeights } from '../../../src/models/architectures.ts'
import { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { initialWeights } from '../../../src/models/initial-weights.ts'
import { rowsOf } from '../../../src/tensor/tensor.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { programAt, root } from '../../programs/run-program.ts'
import { start } from './run-script.ts'

const work = mkdtempSync(join(tmpdir(), 'medquad-webgpu-'))
afterAll(() => rmSync(work, { recursive: true, force: true }))

/** One narrow layer under the recipe's tokenizer; it answers EOS, so that a software adapter is asked in no time. */
beforeAll(async () => {
  const device = await openTestCpu()
  const config = falconRwConfig({ vocabSize: 2048, hiddenSize: 64, numHiddenLayers: 1, numAttentionHeads: 2 })
  const weights = initialWeights(device, modelWeights(config), 0.02, 1)
  weights.get('transformer.ln_f.bias')?.write(new Float32Array(64).fill(0.5))
  const table = weights.get('transformer.word_embeddings.weight')
  if (table !== undefined) rowsOf(table, 0, 1).write(new Float32Array(64).fill(0.1))
  const model = new FalconForCausalLM(config, weights)
  await saveModel(model, base)
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    cpSync(join(root, 'examples/medquad/base', name), join(base, name))
  }
  device.dispose()
})

const base = join(work, 'base')
const small = (
  '--data examples/medquad/sample --device webgpu --batch 1 --accumulate 1 --max-length 32 --steps 4 --eval 1 ' +
  '--save-steps 2 --profile'
).split(' ')
small.push('--model', base)

describe('npm run medquad -- --device webgpu', () => {
  it('names the checkpoint when its device is lost, goes on from it, and profiles', { timeout: 600_000 }, async () => {
    const args = [...small, '--out', join(work, 'lost')]
    const lost = await start('medquad', args, {
      flags: ['--import', programAt('test/examples/medquad/lose-device')],
      environment: { LOSE_DEVICE_AT: 'after step 3' },
    })
    expect(lost.code).toBe(1)
    expect(lost.stderr).toMatch(
      /\nerror: webgpu: the device was lost \(.*\); .*; .*lost has step 2: go on with resumeFromCheckpoint: true\n/,
    )
    expect(readdirSync(join(work, 'lost'))).toContain('checkpoint-2')

    const resumed = await start('medquad', [...args, '--resume'])
    expect(resumed.stderr).not.toContain('error')
    expect(resumed.code).toBe(0)
    expect(resumed.stdout).toMatch(/resumed {4}at step 2 of 4/)
    expect(resumed.stdout).toMatch(/^ {2}matmul\w+( +[\d.]+){4} %$/m)
    const { steps } = JSON.parse(readFileSync(join(work, 'lost/summary.json'), 'utf8')) as { steps: number }
    expect(steps).toBe(4)
    expect(readdirSync(join(work, 'lost')).filter((name) => name.startsWith('checkpoint'))).toEqual([])
  })
})
