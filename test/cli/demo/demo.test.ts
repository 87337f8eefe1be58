import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { openAdapter } from '../../../src/io/adapter-folder.ts'
import { openTestCpu } from '../../device/cpu-under-test.ts'
import { temporaryFolder } from '../../io/tiny-files.ts'
import { runCli } from '../run-cli.ts'

const base = 'examples/medquad/base'
const words = ['demo', '--base', base, '--device', 'cpu']

/** What was printed, but for what a clock says. */
const timeless = (text: string) => text.replaceAll(/[\d,]+ tokens\/s {2}\d+:\d\d|[\d.]+ s in all/g, '…')

it('teaches the small model sentences, and saves what PEFT reads', async () => {
  const keep = join(await temporaryFolder(), 'kept')
  const { code, stdout, stderr } = await runCli([...words, '--keep', keep])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toContain('LoRA of rank 16: 163,840 parameters to train, 11.6 % of all')
  const losses = [...stdout.matchAll(/^ +step \d+\/80 {2}loss ([\d.]+) {2}[\d,]+ tokens\/s {2}\d:\d\d left$/gm)].map(
    ([, loss]) => Number(loss),
  )
  expect(losses).toHaveLength(9)
  expect(losses[0]).toBeGreaterThan(3)
  expect(losses.at(-1)).toBeLessThan(0.05)
  expect(stdout).toMatch(/^before .*Angov/m)
  expect(stdout).toMatch(/^after {4}Crystals of uric acid in a joint, which make it hot, swollen and very painful\.$/m)
  expect(Number(/it gives (\d) of 8 answers/.exec(stdout)?.[1])).toBeGreaterThanOrEqual(6)
  expect(stdout).toContain('no medical advice')
  expect(stdout).toContain(`npx peft-medaware chat ${base} --quantize nf4 --adapter ${keep}\n`)
  const device = await openTestCpu()
  const { model } = await loadModel(base, { device, quantize: { type: 'nf4' } })
  expect((await openAdapter(model, keep, { device })).config).toMatchObject({ r: 16, loraAlpha: 32 })
  device.dispose()

  const again = await runCli([...words, '--keep', keep])
  expect([again.code, again.stdout]).toEqual([1, ''])
  expect(again.stderr).toMatch(/^error: demo: --keep takes a folder that is new or empty, .*README\.md/)
})

it('does the same by the same seed, and other things by another', async () => {
  const run = async (seed: string) => timeless((await runCli([...words, '--steps', '3', '--seed', seed])).stdout)
  const [one, same, other] = [await run('5'), await run('5'), await run('6')]
  expect(same).toBe(one)
  expect(other).not.toBe(one)
})

it('is stopped by Ctrl-C in the midst of training, and saves nothing', async () => {
  const folder = await temporaryFolder()
  let isSent = false
  const ended = await runCli([...words, '--steps', '5000', '--keep', join(folder, 'kept')], {
    watch: (printed, interrupt) => {
      if (!isSent && printed.includes('step 1/')) interrupt()
      isSent ||= printed.includes('step 1/')
    },
  })
  expect(ended).toMatchObject({ code: 130, stderr: 'stopped\n' })
  expect(await readdir(folder)).toEqual([])
})

it.each([
  [['--steps', '0'], '--steps must be a whole number from 1, got 0'],
  [['--seed=-1'], '--seed must be a whole number from 0, got -1'],
  [['--device', 'tpu'], '--device must be auto, cpu or webgpu, got tpu'],
  [['gout'], 'takes options alone, got gout'],
])('%o asks wrongly', async (wrong, message) => {
  const { code, stderr } = await runCli(['demo', ...wrong])
  expect([code, stderr.split('\n')[0]]).toEqual([2, `error: ${message}`])
})
