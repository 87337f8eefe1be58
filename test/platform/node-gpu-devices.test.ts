import { spawnSync } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, onTestFinished } from 'vitest'
import { mayHaveGpu } from '../../src/platform/node-gpu-devices.ts'

async function devices(...names: string[]): Promise<string> {
  const dev = await mkdtemp(join(tmpdir(), 'medaware-dev-'))
  onTestFinished(() => rm(dev, { recursive: true, force: true }))
  for (const name of names) {
    await mkdir(dirname(join(dev, name)), { recursive: true })
    await writeFile(join(dev, name), '')
  }
  return dev
}

it.each([
  [true, ['null', 'dri/renderD128', 'dri/card0']],
  [true, ['null', 'nvidia0', 'nvidiactl']],
  [true, ['dxg']],
  [false, ['null', 'tty0', 'nvram']],
  [false, ['dri/card0']],
])('says %s where Linux has %j', async (answer, names) => {
  expect(await mayHaveGpu('linux', await devices(...names))).toBe(answer)
})

it('does not know better where there is no such folder, nor on other systems', async () => {
  expect(await mayHaveGpu('linux', '/nowhere')).toBe(true)
  expect(await mayHaveGpu('darwin', await devices('null'))).toBe(true)
})

it('leaves nothing of Dawn on the screen of who only wants a device', () => {
  const program = `import { openDevice } from './src/device/open-device.ts'
    const { device, reason } = await openDevice()
    console.log(reason)
    device.dispose()`
  const cwd = fileURLToPath(new URL('../..', import.meta.url))
  const env = { ...process.env, NODE_NO_WARNINGS: '1' }
  const ran = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], { cwd, env })
  expect(ran.stderr.toString()).toBe('')
  expect(ran.stdout.toString()).toMatch(/\w/)
})
