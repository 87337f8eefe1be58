import { type CpuOptions, type Device, openDevice, ProgressLine } from 'peft-medaware'
import { cacheDirectory } from '../data/cache-directory.ts'
import { type LoadedMedquad, loadMedquad } from '../data/load-medquad.ts'
import { Interrupts } from '../interrupts.ts'
import { Story } from '../story.ts'

/** What an experiment is run with: where, on what, and how it is told and ended. */
export interface Opened {
  readonly line: ProgressLine
  readonly story: Story
  readonly interrupts: Interrupts
  readonly device: Device
  readonly data: LoadedMedquad
}

/** Opens a device and MedQuAD as the command line asks, and says so. */
export async function openSurroundings(options: {
  readonly device: 'auto' | 'cpu' | 'webgpu'
  readonly cpu: CpuOptions
  readonly data: string | undefined
}): Promise<Opened> {
  const line = new ProgressLine(process.stderr, { memoryBytes: () => process.memoryUsage.rss() })
  const story = new Story(line)
  const interrupts = new Interrupts()
  const { device, reason } = await openDevice({ device: options.device, cpu: options.cpu })
  story.say('device', `${device.description}: ${reason}`)
  const data = await loadMedquad({
    ...(options.data !== undefined && { data: options.data }),
    ...{ cacheDir: cacheDirectory(), onProgress: story.reading, warn: story.warn },
  })
  story.data(data)
  return { line, story, interrupts, device, data }
}
