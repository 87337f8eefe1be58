import type { Adapter } from '../../adapter.ts'
import type { LoraConfig } from '../../lora/lora-config.ts'
import { loraFields } from '../../lora/lora-config.ts'

/** The config of LoRA on the layers of an adapter, each with its rank and a scaling of 1. */
export function convertedConfig(
  { config, model }: Adapter,
  ranks: ReadonlyMap<string, number>,
  loraBias: boolean,
): LoraConfig {
  const { baseModelNameOrPath, revision, taskType, modulesToSave } = config
  // Tied tables among these are one in LoRA too.
  const isTied = 'ensureWeightTying' in config && config.ensureWeightTying === true && modulesToSave !== null
  const r = mostFrequent([...ranks.values()])
  const others = Object.fromEntries([...ranks].filter(([, rank]) => rank !== r))
  return loraFields.read(
    {
      ...{ r, loraAlpha: r, rankPattern: others, alphaPattern: others, loraBias },
      targetModules: shortest(
        [...ranks.keys()],
        [...model.namedModules()].map(([path]) => path),
      ),
      ...{ baseModelNameOrPath, revision, taskType, modulesToSave },
      ensureWeightTying: isTied,
    },
    'convertToLora',
    null,
    true,
  )
}

/** The last names of the layers where these mean no other module, else their paths. */
function shortest(paths: readonly string[], all: readonly string[]): readonly string[] {
  const names = [...new Set(paths.map((path) => path.slice(path.lastIndexOf('.') + 1)))]
  const meant = all.filter((path) => names.some((name) => path === name || path.endsWith(`.${name}`)))
  return meant.length === paths.length ? names : paths
}

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  const [[most] = [1]] = [...counts].sort(([, a], [, b]) => b - a)
  return most
}
