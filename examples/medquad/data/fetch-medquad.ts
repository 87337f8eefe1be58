import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { DataError, reason } from './data-error.ts'
import { digestMedquad, medquadDigest, type MedquadDigest } from './digest-medquad.ts'
import { type DownloadOptions, downloadOnce } from './download.ts'
import { readMedquadRows } from './medquad-rows.ts'

/** MedQuAD's repository at the commit whose content `medquadDigest` is. */
export const medquadUrl = 'https://github.com/abachaa/MedQuAD/archive/577bd37b96c02d1833b2c9eed2de9f96964e96cb.tar.gz'

/**
 * A copy of MedQuAD in Parquet at one commit: all fields and rows but for the 16 that the paper's parser did not see. Its
 * licence is MedQuAD's.
 */
export const medquadMirror = {
  name: 'lavita/MedQuAD',
  commit: '84ea67f83cec9692ad254eaa02c9731b24ecfe4c',
  file: 'data/train-00000-of-00001-e36383d177026d53.parquet',
  pairs: 47441,
  answered: 16407,
} as const

export interface FetchOptions extends DownloadOptions {
  /** Folder to keep the data in; made if it is not there. */
  cacheDir: string
  /** Default: `medquadUrl`. */
  url?: string
  /** What the archive must hold. Default: MedQuAD at commit 577bd37. */
  expected?: MedquadDigest
}

/**
 * Downloads MedQuAD's archive once and returns its path; later calls find it in the cache. Its content was checked by then.
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
  /** What the copy must hold. Default: `medquadMirror`. */
  expected?: { readonly pairs: number; readonly answered: number }
}

/**
 * Downloads MedQuAD's copy on the Hugging Face Hub once and returns its path.
 * @throws DataError as `downloadOnce`, `digest` for another number of pairs, and `network` where `$HF_HUB_OFFLINE` forbids it.
 */
export async function fetchMirror(options: MirrorOptions): Promise<string> {
  const {
    cacheDir,
    endpoint = process.env['HF_ENDPOINT'] ?? 'https://huggingface.co',
    expected = medquadMirror,
  } = options
  const { name, commit, file } = medquadMirror
  const target = join(cacheDir, `medquad-${commit.slice(0, 12)}.parquet`)
  if (/^(1|on|yes|true)$/i.test(process.env['HF_HUB_OFFLINE'] ?? '') && !(await exists(target)))
    throw new DataError('network', 'HF_HUB_OFFLINE is set')
  const url = `${endpoint.replace(/\/+$/, '')}/datasets/${name}/resolve/${commit}/${file}`
  const check = async (part: string) => {
    const pairs = await readMedquadRows(part).catch((cause: unknown) => {
      throw new DataError('digest', `${url} is not MedQuAD's copy: ${reason(cause)}`, { cause })
    })
    const answered = pairs.filter(({ answer }) => answer.trim() !== '').length
    if (pairs.length === expected.pairs && answered === expected.answered) return
    const found = `${pairs.length} pairs, ${answered} answered, expected ${expected.pairs} and ${expected.answered}`
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
