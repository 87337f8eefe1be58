import { describe, expect, it } from 'vitest'
import { completeAddress, parseHubAddress, parseModelName } from '../../../src/io/huggingface/hub-address.ts'

const hub = 'https://huggingface.co'
const place = (revision = 'main', subfolder = '') => ({ name: 'lab/tiny', revision, subfolder })
const parse = (address: string, endpoint = hub) => parseHubAddress(new URL(address), endpoint)

describe('an address on the Hub means a model, a revision and a folder', () => {
  it.each([
    ['/lab/tiny', place()],
    ['/lab/tiny/', place()],
    ['/lab/tiny.git', place()],
    ['/lab/tiny?library=transformers', place()],
    ['/lab/tiny#model-card', place()],
    ['/lab/tiny/tree/main', place()],
    ['/lab/tiny/tree/v1.0/?not-for-all-audiences=true#files', place('v1.0')],
    ['/lab/tiny/tree/refs%2Fpr%2F1', place('refs/pr/1')],
    ['/lab/tiny/tree/refs/pr/1', place('refs/pr/1')],
    ['/lab/tiny/tree/refs%2Fpr%2F1/adapters/a', place('refs/pr/1', 'adapters/a')],
    ['/lab/tiny/tree/main/adapters/a/', place('main', 'adapters/a')],
    ['/lab/tiny/tree/main/na%20me', place('main', 'na me')],
    ['/lab/tiny/blob/main/config.json', place()],
    ['/lab/tiny/blob/main/adapters/a/adapter_config.json', place('main', 'adapters/a')],
    ['/lab/tiny/resolve/main/model.safetensors?download=true', place()],
    ['/lab/tiny/resolve/refs%2Fpr%2F1/config.json', place('refs/pr/1')],
    ['/lab/tiny/raw/main/README.md', place()],
    ['/lab/tiny/commits/main', place()],
    [`/lab/tiny/commit/${'c0ffee'.padEnd(40, '0')}`, place('c0ffee'.padEnd(40, '0'))],
  ])('%s', (path, expected) => {
    for (const origin of [hub, 'https://www.huggingface.co', 'https://hf.co', 'http://huggingface.co']) {
      expect(parse(origin + path)).toEqual(expected)
    }
    const mirror = 'http://mirror.test:8080/hf'
    expect(parse(mirror + path, mirror)).toEqual(expected)
    // A page's address is copied from the Hub, whatever mirror is asked.
    expect(parse(hub + path, mirror)).toEqual(expected)
  })

  it.each([
    'https://example.org/lab/tiny',
    'https://huggingface.co.evil.test/lab/tiny',
    'https://huggingface.co:8443/lab/tiny',
    'http://mirror.test/hfx/lab/tiny',
  ])('and %s is elsewhere', (address) => {
    expect(parse(address, 'http://mirror.test/hf')).toBeNull()
  })

  it.each([
    ['/datasets/lab/tiny', "is one of the Hub's datasets, not a model"],
    ['/spaces/lab/tiny', "is one of the Hub's spaces, not a model"],
    ['/', 'names no model'],
    ['/gpt2', 'names no model'],
    ['/lab/tiny/discussions/1', "is no page of a model's files"],
    ['/lab/tiny/tree', 'has no revision behind /tree'],
  ])('%s is refused', (path, words) => {
    expect(() => parse(hub + path)).toThrow(
      `openFolder: ${hub}${path} ${words}; a model's address is https://huggingface.co/owner/name`,
    )
  })

  it.each([
    ['/lab/tiny/tree/main/a%2F..%2Fb', 'names a folder that cannot be: a/../b'],
    ['/lab/tiny/tree/main/a%5Cb', 'names a folder that cannot be: a\\b'],
    ['/lab/tiny/tree/%zz', 'cannot be decoded; a % stands before two hexadecimal digits'],
  ])('%s is refused', (path, words) => {
    expect(() => parse(hub + path)).toThrow(`openFolder: ${hub}${path} ${words}`)
  })

  it('shows nobody who asks', () => {
    expect(() => parse('https://me:hf_secret@huggingface.co/gpt2?key=hidden')).toThrow(/^(?!.*(hf_secret|hidden)).*$/)
  })
})

describe('a name on the Hub', () => {
  it.each([
    ['lab/tiny', place()],
    ['lab/tiny/', place()],
    ['lab/tiny@v1', place('v1')],
    ['lab/tiny@refs/pr/1', place('refs/pr/1')],
    ['lab/tiny@refs%2Fpr%2F1', place('refs/pr/1')],
    ['lab', null],
    ['lab/tiny/more', null],
    ['lab/tiny@', null],
    ['../tiny', null],
  ])('%s', (text, expected) => {
    expect(parseModelName(text)).toEqual(expected)
  })

  it('may stand behind the Hub’s own', () => {
    expect(completeAddress('huggingface.co/lab/tiny')).toBe('https://huggingface.co/lab/tiny')
    expect(completeAddress('hf.co/lab/tiny')).toBe('https://hf.co/lab/tiny')
    expect(completeAddress('lab/tiny')).toBe('lab/tiny')
  })
})
