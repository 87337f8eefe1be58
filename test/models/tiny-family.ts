import type { Device } from '../../src/device/device.ts'
import { type LoadedModel, loadModel } from '../../src/io/load/load-model.ts'
import type { LoadModelOptions } from '../../src/io/load/load-options.ts'
import { readFixture } from '../fixtures/open-fixture.ts'
import { filesOf } from '../io/tiny-files.ts'

/** Models of make_family_golden.py. */
export const familyNames = [
  'falcon-7b',
  'falcon-40b',
  'falcon-11b',
  'falcon3',
  'llama-tied',
  'llama-yarn',
  'falcon-dynamic',
  'qwen2',
  'qwen3',
  'qwen3-window',
  'mistral',
  'smollm3',
  'gemma3',
] as const
/** Those whose tokens have the same angles however long the text is by then. */
export const steadyNames = familyNames.filter((name) => name !== 'falcon-dynamic')
export type FamilyName = (typeof familyNames)[number]

/** One of them. */
export async function tinyModel(
  device: Device,
  name: FamilyName,
  options: Omit<LoadModelOptions, 'device'> = {},
): Promise<LoadedModel> {
  const bytes = async (file: string) => Uint8Array.from(await readFixture(`tiny-family/${name}/${file}`))
  const files = filesOf({
    'config.json': await bytes('config.json'),
    'model.safetensors': await bytes('model.safetensors'),
  })
  return loadModel(files, { device, ...options })
}
