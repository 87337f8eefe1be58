import { describe, expect, it, vi } from 'vitest'
import { openFolder } from '../../../src/io/sources/open-folder.ts'
import { readText } from '../../../src/io/sources/folder.ts'
import { fakeCommit } from './fake-hub.ts'
import { fakeHub } from './temporary-hub.ts'

// Node's fetch stands in for a page's, which follows redirects by itself as well.
vi.mock('#platform', () => import('../../../src/platform/browser.ts'))

const large = new Uint8Array(300_000).map((_, i) => (i * 2654435761) >>> 13)

describe('in a page, a model of the Hub', () => {
  it('is read in parts at one commit, and kept nowhere', async () => {
    const hub = await fakeHub({ 'config.json': '{"a":1}', 'model.safetensors': large }, { token: 'hf_secret' })
    const folder = await openFolder('lab/tiny', { hub: { endpoint: hub.endpoint, token: 'hf_secret' } })
    expect(await readText(folder, 'config.json')).toBe('{"a":1}')
    expect([await folder.has('tokenizer.json'), await folder.has('model.safetensors')]).toEqual([false, true])
    const source = await folder.open('model.safetensors')
    expect(source.byteLength).toBe(large.length)
    expect(await source.read(200_000, 200_010)).toEqual(large.slice(200_000, 200_010))
    const stored = hub.heard.filter(({ place }) => place === 'storage')
    expect(stored.map(({ range, token }) => [range, token])).toEqual([
      ['bytes=0-65535', undefined],
      ['bytes=200000-200009', undefined],
    ])
    expect(hub.heard.slice(2).every(({ place, path }) => place === 'storage' || path.includes(fakeCommit))).toBe(true)
  })

  it('is not asked for where that is forbidden', async () => {
    const hub = await fakeHub({ 'config.json': '{"a":1}' })
    const folder = await openFolder('lab/tiny', { hub: { endpoint: hub.endpoint, offline: true } })
    await expect(folder.open('config.json')).rejects.toThrow(/^hub: .* is not kept here, and the Hub is not asked$/)
    expect(await folder.has('config.json')).toBe(false)
    expect(hub.heard).toEqual([])
  })

  it('says what it cannot find', async () => {
    const hub = await fakeHub({})
    await expect(
      openFolder('lab/none', { hub: { endpoint: hub.endpoint } }).then((folder) => readText(folder, 'config.json')),
    ).rejects.toThrow(`hub: ${hub.endpoint} has no model lab/none, or it is private and HF_TOKEN is not set`)
    await expect(openFolder('./here')).rejects.toThrow(
      'openFolder: this page has no folders, and "./here" is no model on the Hub, whose name is owner/name or owner/name@revision',
    )
  })
})
