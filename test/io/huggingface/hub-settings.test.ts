import { mkdir, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findHubSettings } from '../../../src/io/huggingface/hub-settings.ts'
import { temporaryFolder } from '../tiny-files.ts'

const names = [
  ...['HF_HOME', 'HF_HUB_CACHE', 'HUGGINGFACE_HUB_CACHE', 'HF_ENDPOINT', 'HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN'],
  ...['HF_TOKEN_PATH', 'HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE', 'HF_HUB_DISABLE_IMPLICIT_TOKEN', 'XDG_CACHE_HOME'],
]
let home: string
beforeEach(async () => {
  home = await temporaryFolder()
  for (const name of names) vi.stubEnv(name, '')
  vi.stubEnv('HF_HOME', home)
})
afterEach(() => vi.unstubAllEnvs())

/** The settings in an environment. */
const within = (environment: Record<string, string>) => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  return findHubSettings()
}

describe('the Hub’s settings', () => {
  it('are those of huggingface_hub where nothing is set', async () => {
    expect(await within({ HF_HOME: '', HOME: homedir() })).toMatchObject({
      endpoint: 'https://huggingface.co',
      cacheFolder: join(homedir(), '.cache/huggingface/hub'),
      offline: false,
    })
  })

  it.each([
    [{ XDG_CACHE_HOME: '/x', HF_HOME: '' }, '/x/huggingface/hub'],
    [{ HF_HOME: '/h' }, '/h/hub'],
    [{ HF_HOME: '~/h' }, join(homedir(), 'h/hub')],
    [{ HUGGINGFACE_HUB_CACHE: '/old' }, '/old'],
    [{ HUGGINGFACE_HUB_CACHE: '/old', HF_HUB_CACHE: '/new' }, '/new'],
  ])('the cache in %j is %s', async (environment, folder) => {
    expect((await within(environment)).cacheFolder).toBe(folder)
  })

  it('the token is of the environment, else of the file, and no line’s end is part of it', async () => {
    expect((await within({})).token).toBeNull()
    await writeFile(join(home, 'token'), 'of-file\n')
    expect((await within({})).token).toBe('of-file')
    await mkdir(join(home, 'other'))
    await writeFile(join(home, 'other/secret'), '\r\nof-path\r\n')
    expect((await within({ HF_TOKEN_PATH: join(home, 'other/secret') })).token).toBe('of-path')
    expect((await within({ HUGGING_FACE_HUB_TOKEN: 'old' })).token).toBe('old')
    expect((await within({ HF_TOKEN: ' new\n' })).token).toBe('new')
    expect((await findHubSettings({ token: 'given' })).token).toBe('given')
    expect((await findHubSettings({ token: null })).token).toBeNull()
    expect((await within({ HF_HUB_DISABLE_IMPLICIT_TOKEN: '1' })).token).toBeNull()
  })

  it.each([
    [{ HF_HUB_OFFLINE: '1' }, true],
    [{ HF_HUB_OFFLINE: 'true' }, true],
    [{ TRANSFORMERS_OFFLINE: 'YES' }, true],
    [{ HF_HUB_OFFLINE: '0' }, false],
  ])('offline in %j is %s', async (environment, offline) => {
    expect((await within(environment)).offline).toBe(offline)
  })

  it('the endpoint ends in no slash', async () => {
    expect((await within({ HF_ENDPOINT: 'http://mirror/hf/' })).endpoint).toBe('http://mirror/hf')
  })
})
