import { expect, it, vi } from 'vitest'

// As Deno has it without --allow-sys and --allow-env.
const refuse = (what: string) => () => {
  throw new Error(`Requires access to ${what}`)
}
vi.mock('node:os', () => ({
  hostname: refuse('hostname'),
  homedir: refuse('homedir'),
  availableParallelism: refuse('cpus'),
}))

it('Node’s platform asks nothing of the host when it is imported', async () => {
  const platform = await import('../../src/platform/node.ts')
  const env = vi.spyOn(process, 'env', 'get').mockImplementation(refuse('env'))
  try {
    expect(platform.environment('HF_TOKEN')).toBeUndefined()
  } finally {
    env.mockRestore()
  }
  expect(platform.disk?.processName).toBe(`here.${process.pid}`)
  expect(await platform.disk?.hasEnded('here.4194305')).toBe(false)
  expect(() => platform.disk?.home).toThrow(
    "home: the user's folder is not known, Requires access to homedir; set HOME",
  )
})
