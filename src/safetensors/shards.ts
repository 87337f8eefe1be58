import { check, MedAwareError } from '../core/errors.ts'
import { show } from '../core/show.ts'
import { JsonScanner } from './json.ts'
import { openSafetensors } from './reader.ts'
import type { SafetensorsFile, TensorReader } from './reader.ts'
import type { ByteSource } from './source.ts'

const who = 'openShardedSafetensors'

/**
 * Opens a checkpoint split over files, by its `model.safetensors.index.json`. Every shard's header is read and checked
 * against the index here; tensors only when asked for.
 * @param open Gives the bytes of a file beside the index, by its plain name.
 * @throws `format` for an index that is malformed, names a path, disagrees with a shard, or for a tensor in two
 * shards; what `open` throws, `not-found` for a shard that is not there.
 */
export async function openShardedSafetensors(
  indexJson: string | Uint8Array,
  open: (fileName: string) => Promise<ByteSource>,
): Promise<TensorReader> {
  const shardOf = parseWeightMap(indexJson)
  const shards = new Map<string, SafetensorsFile>()
  const close = async (): Promise<void> => {
    await Promise.all([...shards.values()].map((shard) => shard.close()))
  }
  try {
    for (const fileName of [...new Set(shardOf.values())].sort()) shards.set(fileName, await openShard(fileName, open))
    checkAgainstIndex(shardOf, shards)
  } catch (error) {
    await close()
    throw error
  }

  const shardWith = (name: string): SafetensorsFile => {
    const shard = shards.get(shardOf.get(name) ?? '')
    check(shard !== undefined, 'not-found', () => `${who}: no tensor ${show(name)} among the index's ${shardOf.size}`)
    return shard
  }
  return {
    names: [...shards.values()].flatMap((shard) => shard.names.filter((name) => shardOf.has(name))),
    metadata: Object.fromEntries([...shards.values()].flatMap((shard) => Object.entries(shard.metadata))),
    has: (name) => shardOf.has(name),
    info: (name) => shardWith(name).info(name),
    readBytes: async (name) => shardWith(name).readBytes(name),
    readF32: async (name) => shardWith(name).readF32(name),
    read: async (name, part) => shardWith(name).read(name, part),
    close,
  }
}

/** Shard by tensor. */
function parseWeightMap(indexJson: string | Uint8Array): Map<string, string> {
  const bytes = typeof indexJson === 'string' ? new TextEncoder().encode(indexJson) : indexJson
  const scanner = new JsonScanner(`${who}: index`, bytes)
  check(scanner.isAt('{'), 'format', () => `${who}: index: must be a JSON object`)
  let weightMap: Map<string, string> | undefined
  scanner.object((field) => {
    if (field !== 'weight_map') scanner.skip()
    else weightMap = readWeightMap(scanner)
  })
  scanner.end()
  check(weightMap !== undefined, 'format', () => `${who}: the index has no weight_map object`)
  return weightMap
}

function readWeightMap(scanner: JsonScanner): Map<string, string> {
  check(scanner.isAt('{'), 'format', () => `${who}: the index has no weight_map object`)
  const weightMap = new Map<string, string>()
  scanner.object((name) => {
    const fileName = scanner.isAt('"') ? scanner.string() : undefined
    // A plain name only: an index from the net must not reach other folders or hosts.
    check(fileName !== undefined && /^[^/\\:]+$/.test(fileName) && !/^\.+$/.test(fileName), 'format', () => {
      const got = fileName === undefined ? scanner.skip() : show(fileName)
      return `${who}: shard of ${show(name)} must be a plain file name, got ${got}`
    })
    weightMap.set(name, fileName)
  })
  return weightMap
}

async function openShard(fileName: string, open: (fileName: string) => Promise<ByteSource>): Promise<SafetensorsFile> {
  let source: ByteSource
  try {
    source = await open(fileName)
  } catch (cause) {
    // A signal's reason, and what `open` throws that is not ours, is for whoever gave it.
    if (!(cause instanceof MedAwareError)) throw cause
    const message = `${who}: the index names ${fileName}, which cannot be opened: ${cause.message}`
    throw new MedAwareError(cause.code, message, { cause })
  }
  try {
    return await openSafetensors(source)
  } catch (error) {
    await source.close?.()
    throw error
  }
}

function checkAgainstIndex(shardOf: ReadonlyMap<string, string>, shards: ReadonlyMap<string, SafetensorsFile>): void {
  for (const [name, fileName] of shardOf) {
    check(
      shards.get(fileName)?.has(name) === true,
      'format',
      () => `${who}: the index puts tensor ${show(name)} in ${fileName}, which does not have it`,
    )
  }
  const seen = new Map<string, string>()
  for (const [fileName, shard] of shards) {
    for (const name of shard.names) {
      const other = seen.get(name)
      check(other === undefined, 'format', () => `${who}: tensor ${show(name)} is both in ${other} and in ${fileName}`)
      seen.set(name, fileName)
    }
  }
}
