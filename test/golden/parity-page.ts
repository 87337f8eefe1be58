import { openWebGpuDevice } from '../../src/device/webgpu/open-webgpu-device.ts'
import { blobSource } from '../../src/safetensors/source.ts'
import { type GoldenCheck, goldenChecks, type GoldenOptions } from './golden-checks.ts'
import { GoldenFolder } from './golden-folder.ts'

/** What the page of `npm run parity -- DIR --browser` does: the checks on its WebGPU, told to Node one by one. */
export async function compareInPage(
  paths: readonly string[],
  options: GoldenOptions,
  tell: (line: GoldenCheck) => Promise<void>,
): Promise<void> {
  const golden = new GoldenFolder(paths, async (path) => {
    const response = await fetch(`golden/${path}`)
    if (!response.ok) throw new Error(`${path}: HTTP status ${response.status}`)
    return blobSource(await response.blob(), path)
  })
  const device = await openWebGpuDevice(navigator.gpu)
  for await (const line of goldenChecks(golden, [device], options)) await tell(line)
  device.dispose()
}
