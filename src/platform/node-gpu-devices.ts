import { readdir } from 'node:fs/promises'

/** What a GPU's driver has under /dev on Linux: DRM's render nodes, NVIDIA, WSL, Mali, Adreno, Tegra. */
const nodes = /^(renderD\d+|nvidia\d+|nvidiactl|dxg|mali\d*|kgsl-3d0|nvhost-gpu|nvgpu)$/

/**
 * Whether there may be a GPU: on Linux a device of one, elsewhere always. Dawn says on the screen what it misses, and
 * there is no switch for that; so it is not asked where only a software adapter can be found.
 */
export async function mayHaveGpu(platform: string = process.platform, dev = '/dev'): Promise<boolean> {
  if (platform !== 'linux') return true
  const names = await readdir(dev).catch(() => null)
  if (names === null) return true
  const render = await readdir(`${dev}/dri`).catch(() => [])
  return [...names, ...render].some((name) => nodes.test(name))
}
