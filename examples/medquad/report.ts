import type { Answered } from './held-out.ts'
import { bytes, count } from './progress.ts'
import type { Summary } from './summary.ts'

/** One self-contained page: the loss curve, the figures, and three answers before and after. */
export function htmlReport(
  summary: Summary,
  curve: readonly { step: number; loss: number }[],
  answered: readonly Answered[],
): string {
  const { loss, bitsPerByte, model, data } = summary
  const figures: [string, string][] = [
    ['Device', summary.device],
    ['Held-out loss (nats a token)', `${loss.before.toFixed(4)} → ${loss.after.toFixed(4)}`],
    ['Bits per byte', `${bitsPerByte.before?.toFixed(4) ?? '?'} → ${bitsPerByte.after?.toFixed(4) ?? '?'}`],
    ['Pairs', `${count(data.pairs)}, ${count(data.answered)} answered (${data.origin})`],
    ['Train / validation / test, by disease', `${count(data.train)} / ${count(data.validation)} / ${count(data.test)}`],
    ['Parameters', `${count(model.parameters)}, ${model.bitsPerWeight.toFixed(3)} bits a projection weight`],
    [
      'Trainable',
      `${count(model.trainable)} (${(100 * model.share).toFixed(4)}% of all, ${(100 * model.sharePacked).toFixed(4)}% of packed)`,
    ],
    ['Steps', count(summary.steps)],
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
${lossCurve(curve)}
<table>${rows.join('\n')}</table>
<h2>Held-out questions</h2>
${answers.join('\n')}
</html>
`
}

/** The training loss as an SVG: each step as a dot, and their moving mean as a line. */
export function lossCurve(curve: readonly { step: number; loss: number }[], width = 720, height = 300): string {
  const margin = { left: 52, right: 12, top: 12, bottom: 44 }
  const last = Math.max(1, curve.at(-1)?.step ?? 1)
  const losses = curve.map(({ loss }) => loss)
  const [low, high] = [
    Math.floor(Math.min(...losses, Infinity) * 5) / 5,
    Math.ceil(Math.max(...losses, -Infinity) * 5) / 5,
  ]
  const x = (step: number) => margin.left + (step / last) * (width - margin.left - margin.right)
  const y = (loss: number) => margin.top + ((high - loss) / (high - low || 1)) * (height - margin.top - margin.bottom)
  const window = Math.max(1, Math.round(curve.length / 12))
  const means = curve.map(({ step }, i) => {
    const part = losses.slice(Math.max(0, i - window + 1), i + 1)
    return `${x(step).toFixed(1)},${y(part.reduce((a, b) => a + b, 0) / part.length).toFixed(1)}`
  })
  const dots = curve.map(({ step, loss }) => `<circle cx="${x(step).toFixed(1)}" cy="${y(loss).toFixed(1)}" r="2"/>`)
  const yTicks = Array.from({ length: 5 }, (_, i) => low + ((high - low) * i) / 4)
  const xTicks = [...new Set(Array.from({ length: 5 }, (_, i) => Math.round((last * i) / 4)))]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Training loss by step" font-family="system-ui, sans-serif" font-size="12">
<rect width="${width}" height="${height}" fill="#ffffff"/>
${yTicks.map((tick) => `<line x1="${margin.left}" x2="${width - margin.right}" y1="${y(tick)}" y2="${y(tick)}" stroke="#dddddd"/><text x="${margin.left - 8}" y="${y(tick) + 4}" text-anchor="end" fill="#444444">${tick.toFixed(2)}</text>`).join('\n')}
${xTicks.map((tick) => `<text x="${x(tick)}" y="${height - 26}" text-anchor="middle" fill="#444444">${tick}</text>`).join('\n')}
<g fill="#8fb8de">${dots.join('')}</g>
<polyline points="${means.join(' ')}" fill="none" stroke="#1b5e9e" stroke-width="2"/>
<text x="${width / 2}" y="${height - 6}" text-anchor="middle" fill="#444444">optimiser step (loss in nats a token)</text>
</svg>`
}

const style = `body{font:16px/1.5 system-ui,sans-serif;max-width:760px;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .5rem;border-bottom:1px solid #ddd;vertical-align:top}
dt{font-weight:600;margin-top:.5rem}dd{margin:0;white-space:pre-wrap}.note{color:#a33}svg{width:100%;height:auto}`

function escape(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? character)
}
