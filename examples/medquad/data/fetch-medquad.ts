import { access } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { DataError, reason } from './data-error.ts'
import { digestMedquad, medquadDigest, type MedquadDigest } from './digest-medquad.ts'
import { type DownloadOptions, downloadOnce } from './download.ts'
import { readMedquadRows } from './medquad-rows.ts'

/** MedQuAD's repository at the commit whose content `medquadDigest` is. */
export const medquadUrl = 'https://github.com/abachaa/MedQuAD/archive/577bd37b96c02d1833b2c9eed2de9f96964e96cb.tar.gz'

/** A copy of MedQuAD on the Hugging Face Hub. */
export interface MedquadMirror {
  readonly name: string
  readonly revision: string
  readonly file: string
  /** What it holds. */
  readonly pairs: number
  readonly answered: number
}

/**
 * Copies with all but the 16 pairs that the paper's parser did not see: the first with every field, the second with
 * few.
 */
export const medquadMirrors: readonly MedquadMirror[] = [
  {
    name: 'lavita/MedQuAD',
    revision: '84ea67f83cec9692ad254eaa02c9731b24ecfe4c',
    file: 'data/train-00000-of-00001-e36383d177026d53.parquet',
    pairs: 47441,
    answered: 16407,
  },
  {
    name: 'keivalya/MedQuad-MedicalQnADataset',
    revision: 'main',
    file: 'medDataset_processed.csv',
    pairs: 16407,
    answered: 16407,
  },
]

export interface FetchOptions extends DownloadOptions {
  /** Folder to keep the data in; made if it is not there. */
  cacheDir: string
  /** Default: `medquadUrl`. */
  url?: string
  /** What the archive must hold. Default: MedQuAD at commit 577bd37. */
  expected?: MedquadDigest
}

/**
 * Downloads MedQuAD's archive once and returns its path; later calls find it in the cache. Its content was checked by
 * then.
 * @throws DataError as `downloadOnce`, and `digest`.
 */
export async function fetchMedquad(options: FetchOptions): Promise<string> {
  const { url = medquadUrl, expected = medquadDigest } = options
  const target = join(options.cacheDir, `medquad-${expected.sha256.slice(0, 12)}.tar.gz`)
  return downloadOnce(url, target, (part) => verify(url, part, expected), options)
}

export interface MirrorOptions extends DownloadOptions {
  cacheDir: string
  /** Of the Hugging Face Hub. Default: `$HF_ENDPOINT`, else its own. */
  endpoint?: string
}

/**
 * Downloads a copy on the Hugging Face Hub once and returns its path.
 * @throws DataError as `downloadOnce`, `digest` for another number of pairs, and `network` where `$HF_HUB_OFFLINE`
 * forbids it.
 */
export async function fetchMirror(mirror: MedquadMirror, options: MirrorOptions): Promise<string> {
  const { cacheDir, endpoint = process.env['HF_ENDPOINT'] ?? 'https://huggingface.co' } = options
  const { name, revision, file } = mirror
  const target = join(cacheDir, `medquad-${name.replace('/', '-').toLowerCase()}${extname(file)}`)
  if (/^(1|on|yes|true)$/i.test(process.env['HF_HUB_OFFLINE'] ?? '') && !(await exists(target)))
    throw new DataError('network', 'HF_HUB_OFFLINE is set')
  const url = `${endpoint.replace(/\/+$/, '')}/datasets/${name}/resolve/${revision}/${file}`
  const check = async (part: string) => {
    const pairs = await readMedquadRows(part).catch((cause: unknown) => {
      throw new DataError('digest', `${url} is not MedQuAD's copy: ${reason(cause)}`, { cause })
    })
    const answered = pairs.filter(({ answer }) => answer.trim() !== '').length
    if (pairs.length === mirror.pairs && answered === mirror.answered) return
    const found = `${pairs.length} pairs, ${answered} answered, expected ${mirror.pairs} and ${mirror.answered}`
    throw new DataError('digest', `${url} differs from the copy known here: ${found}`)
  }
  return downloadOnce(url, target, check, options)
}

async function verify(url: string, part: string, expected: MedquadDigest): Promise<void> {
  const found = await digestMedquad(part).catch((cause: unknown) => {
    const why = reason(cause).replaceAll(part, 'the download')
    throw new DataError('digest', `${url} is not MedQuAD's archive: ${why}`, { cause })
  })
  if (found.sha256 === expected.sha256) return
  throw new DataError(
    'digest',
    `${url} differs from the MedQuAD known here: ${found.files} XML files of digest ${found.sha256}, ` +
      `expected ${expected.files} of ${expected.sha256}; read it as data of your own if you trust it`,
  )
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  )
