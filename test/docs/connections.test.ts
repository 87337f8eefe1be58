import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { pathsIn, root } from '../architecture/source-files.ts'

/** Files of the library that open connections, each with what docs/guides/private-data.md calls it. */
const connecting = {
  'src/compare/contenders/endpoint.ts': 'compare',
  'src/hub/push-fetch.ts': 'pushToHub',
  'src/io/dataset/open-file.ts': 'loadDataset',
  'src/io/huggingface/hub-client.ts': 'owner/name',
  'src/io/sources/open-folder.ts': 'an address',
}
/** What the others are made of. */
const roads = [
  'src/hub/hub-library.ts',
  'src/platform/browser.ts',
  'src/platform/node-fetch.ts',
  'src/safetensors/http-client.ts',
  'src/safetensors/url-source.ts',
]

it('docs/guides/private-data.md tells of everything that connects', () => {
  const opens =
    /\bfetch\(|new HttpClient\(|\bWebSocket\b|\bEventSource\b|sendBeacon|XMLHttpRequest|node:(?:net|tls|https|dgram)'/
  const listens = 'src/cli/serve/'
  const found = pathsIn('src', ['.ts']).filter((file) => {
    const code = readFileSync(path.join(root, file), 'utf8').replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '')
    return opens.test(code) && !file.startsWith(listens)
  })
  expect(found.sort()).toEqual([...Object.keys(connecting), ...roads].sort())
  const page = readFileSync(path.join(root, 'docs/guides/private-data.md'), 'utf8')
  expect(Object.values(connecting).filter((words) => !page.includes(words))).toEqual([])
})
