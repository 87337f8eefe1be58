import type { Answered } from './held-out.ts'
import type { History } from './history.ts'
import { lossCurve } from './loss-curve.ts'
import { bytes, count } from './progress.ts'
import { describeChange } from './story.ts'
import type { Summary } from './summary.ts'

/** One self-contained page: the loss curves, the figures, and three answers before and after. */
export function htmlReport(summary: Summary, history: History, answered: readonly Answered[]): string {
  const { loss, bitsPerByte, model, data } = summary
  const figures: [string, string][] = [
    ['Device', summary.device],
    [
      'Held-out loss (nats a token)',
      `${loss.before.toFixed(4)} → ${loss.after.toFixed(4)}, ${describeChange(loss.before, loss.after)}`,
    ],
    ['Bits per byte', `${bitsPerByte.before?.toFixed(4) ?? '?'} → ${bitsPerByte.after?.toFixed(4) ?? '?'}`],
    ['Pairs', `${count(data.pairs)}, ${count(data.answered)} answered (${data.origin})`],
    ['Train / validation / test, by disease', `${count(data.train)} / ${count(data.validation)} / ${count(data.test)}`],
    ['Parameters', `${count(model.parameters)}, ${model.bitsPerWeight.toFixed(3)} bits a projection weight`],
    [
      'Trainable',
      `${count(model.trainable)} (${(100 * model.share).toFixed(4)}% of all, ${(100 * model.sharePacked).toFixed(4)}% of packed)`,
    ],
    [
      'Steps',
      `${count(summary.stepsDone)} of ${count(summary.steps)}; the adapter is that of step ${count(summary.best.step)}`,
    ],
    ['Speed', `${count(Math.round(summary.tokensPerSecond))} tokens/s`],
    ['Memory', `${bytes(summary.peakMemoryBytes)} at most`],
    ['Seed', String(summary.seed)],
  ]
  const rows = figures.map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`)
  const answers = answered.map(
    ({ question, reference, before, after }) => `<section><h3>${escape(question)}</h3>
<dl><dt>before</dt><dd>${escape(before)}</dd><dt>after</dt><dd>${escape(after)}</dd><dt>MedQuAD</dt><dd>${escape(reference)}</dd></dl></section>`,
  )
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>peft-medaware on MedQuAD</title>
<style>${style}</style>
<h1>A 4-bit Falcon learns MedQuAD</h1>
<p class="note">A demonstration of QLoRA fine-tuning. What the model writes is no medical advice.</p>
${lossCurve(history.training, history.validation)}
<table>${rows.join('\n')}</table>
<h2>Held-out questions</h2>
${answers.join('\n')}
</html>
`
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #ddd;vertical-align:top}
dt{font-weight:600;margin-top:.5rem}dd{margin:0;white-space:pre-wrap}.note{color:#a33}svg{width:100%;height:auto}`

function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character)
}
