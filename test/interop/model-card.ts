import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { formatModelCard } from '../../src/peft/card/model-card.ts'
import { lora } from '../../src/peft/lora/lora.ts'
import { loraFields } from '../../src/peft/lora/lora-config.ts'
import { wholeCard } from '../peft/card/whole-card.ts'

const script = `
import json, sys
from huggingface_hub import ModelCard
card = ModelCard.load(sys.argv[1], ignore_metadata_errors=False)
data = card.data
again = ModelCard(str(card))
print(json.dumps({
    "metadata": data.to_dict(),
    "results": [[r.task_name, r.dataset_type, r.dataset_split, r.metric_type, r.metric_name, r.metric_value]
                for r in data.eval_results],
    "name": data.model_name,
    "same": again.data.to_dict() == data.to_dict() and again.text == card.text,
}))
`

/** What huggingface_hub's ModelCard reads of a card that was written here; each line is what is wrong. */
export async function modelCardProblems(python: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'peft-medaware-card-'))
  try {
    const problems: string[] = []
    for (const base of ['owner/base', 'a: b\n---\n"# \u0085\u2028', null]) {
      const path = join(folder, 'README.md')
      const config = loraFields.read({ baseModelNameOrPath: base }, 'test', null)
      writeFileSync(path, formatModelCard(lora, config, { ...wholeCard, tags: ['yes', '- x', base ?? 'none'] }))
      const { stdout } = await promisify(execFile)(python, ['-c', script, path])
      const { metadata, results, name, same } = JSON.parse(stdout) as Record<string, unknown>
      const expected = {
        base_model: base === 'owner/base' ? base : undefined,
        license: 'cc-by-4.0',
        datasets: ['lavita/MedQuAD'],
        language: ['en'],
        library_name: 'peft',
        pipeline_tag: 'text-generation',
      }
      const read = metadata as Record<string, unknown>
      for (const [key, value] of Object.entries(expected)) {
        if (JSON.stringify(read[key]) !== JSON.stringify(value)) problems.push(`${key} is ${JSON.stringify(read[key])}`)
      }
      const tags = read['tags'] as unknown[]
      if (!['yes', '- x', base ?? 'none'].every((tag) => tags.includes(tag))) problems.push(`tags are ${String(tags)}`)
      const wanted = (wholeCard.results ?? []).map(({ task, metric, dataset, split, figure }) => {
        const type = dataset ?? 'held-out-answers'
        return [task, type, split ?? null, metric, metric, figure.value]
      })
      if (JSON.stringify(results) !== JSON.stringify(wanted)) problems.push(`results are ${JSON.stringify(results)}`)
      if (typeof name !== 'string' || !name.startsWith('LoRA adapter')) problems.push(`the name is ${String(name)}`)
      if (same !== true) problems.push('it is another one when it is written again')
    }
    return problems
  } finally {
    rmSync(folder, { recursive: true })
  }
}
