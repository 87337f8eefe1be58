import type { CardContent, CardResult } from './card-content.ts'
import { isHubLicense, isHubName, slugOf } from './hub-words.ts'
import { yamlList, yamlString } from './markup.ts'

/** What the Hub is told of an adapter. */
export interface CardSubject {
  /** Name or path of the base. */
  readonly base: string | null
  /** PEFT's tags of the method. */
  readonly tags: readonly string[]
  /** What the model is called. */
  readonly name: string
}

/**
 * The front matter of a card, as PEFT writes it (peft_model.py, create_or_update_model_card) and the Hub reads it. The
 * Hub refuses cards with words that it does not know: a base or a data set that has no name there is left out, and a
 * licence that has none is `other` with its name.
 */
export function cardMetadata({ base, tags, name }: CardSubject, content: CardContent): string {
  const { datasets = [], language = [], license, results = [], medical = false } = content
  const hubBase = base !== null && isHubName(base) ? base : null
  const all = [
    ...(hubBase === null ? [] : [`base_model:adapter:${hubBase}`]),
    ...tags,
    'transformers',
    'peft-medaware',
    ...(medical ? ['medical'] : []),
    ...(content.tags ?? []),
  ]
  const lines = [
    ...(hubBase === null ? [] : [`base_model: ${yamlString(hubBase)}`]),
    ...yamlList('datasets', datasets.filter(isHubName)),
    ...yamlList(
      'language',
      language.filter((word) => /^[a-z]{2,3}$/.test(word)),
    ),
    'library_name: peft',
    ...licenseLines(license),
    ...modelIndex(name, results),
    'pipeline_tag: text-generation',
    ...yamlList('tags', [...new Set(all)]),
  ]
  return lines.join('\n')
}

function licenseLines(license: string | undefined): readonly string[] {
  if (license === undefined) return []
  const word = license.toLowerCase()
  if (isHubLicense(word)) return [`license: ${word}`]
  return ['license: other', `license_name: ${yamlString(slugOf(license))}`]
}

/** Results as the Hub shows them: huggingface_hub's repocard_data.py, eval_results_to_model_index. */
function modelIndex(name: string, results: readonly CardResult[]): readonly string[] {
  if (results.length === 0) return []
  return ['model-index:', `- name: ${yamlString(name)}`, '  results:', ...results.flatMap(resultLines)]
}

function resultLines({ task, metric, figure, dataset = task, split }: CardResult): readonly string[] {
  const type = isHubName(dataset) ? dataset : slugOf(dataset)
  return [
    '  - task:',
    '      type: text-generation',
    `      name: ${yamlString(task)}`,
    '    dataset:',
    `      name: ${yamlString(dataset)}`,
    `      type: ${yamlString(type)}`,
    ...(split === undefined ? [] : [`      split: ${yamlString(split)}`]),
    '    metrics:',
    `    - type: ${yamlString(slugOf(metric).replaceAll('-', '_'))}`,
    `      value: ${JSON.stringify(figure.value)}`,
    `      name: ${yamlString(metric)}`,
  ]
}
