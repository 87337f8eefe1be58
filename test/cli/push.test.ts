import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { pushToken, startPushableHub } from '../hub/pushable-hub.ts'
import { temporaryFolder, tinyBytes } from '../io/tiny-files.ts'
import { runCli } from './run-cli.ts'

it('lists what it would push, asks before everybody sees it, and pushes', async () => {
  const hub = await startPushableHub()
  onTestFinished(() => hub.close())
  vi.stubEnv('HF_ENDPOINT', hub.endpoint)
  vi.stubEnv('HF_TOKEN', pushToken)
  onTestFinished(() => void vi.unstubAllEnvs())
  const folder = await temporaryFolder()
  for (const name of ['adapter_config.json', 'adapter_model.safetensors']) {
    await writeFile(join(folder, name), await tinyBytes(`adapters/lora/${name}`))
  }
  await writeFile(join(folder, 'log.jsonl'), '{}')

  const dry = await runCli(['push', folder, 'lab/mine', '--dry-run'])
  expect(dry.code).toBe(0)
  expect(dry.stdout).toContain(`${folder}, an adapter, to lab/mine (private)\n`)
  expect(dry.stdout).toMatch(/^ {2}adapter_model\.safetensors +[\d.]+ kB$/m)
  expect(dry.stdout).toContain('stays here: log.jsonl\n')
  expect(dry.stderr.match(/there is no README\.md/g)).toHaveLength(1)
  expect(hub.asked).toEqual([])

  const asked = await runCli(['push', folder, 'lab/mine', '--public'])
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringContaining('add --yes if that is meant')])
  expect(hub.asked).toEqual([])

  const pushed = await runCli(['push', folder, 'lab/mine', '--public', '--yes', '--message', 'First'])
  expect([pushed.code, pushed.stdout]).toEqual([0, expect.stringContaining(`${hub.endpoint}/lab/mine: commit `)])
  expect(pushed.stderr.match(/there is no README\.md/g)).toHaveLength(1)
  const { isPrivate, branches } = hub.repositories.get('lab/mine') ?? {}
  expect(isPrivate).toBe(false)
  expect(branches?.get('main')?.title).toBe('First')
  expect([...(branches?.get('main')?.files.keys() ?? [])].sort()).toEqual([
    ...['.gitattributes', 'adapter_config.json', 'adapter_model.safetensors'],
  ])

  const refused = await runCli(['push', folder, 'lab/mine'])
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining('lab/mine is public')])
})
