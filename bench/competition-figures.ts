import { kernelTable } from '../src/device/kernel-profile.ts'
import type { BarOf, Comparison, Competitor, Outcome, Rules } from './competition.ts'
import { shareBetween, shareOutside, sumOfCosts, timeOf } from './kernels/kernel-costs.ts'
import { type Bar, type Figure, figure, fullLayers, ratio } from './row.ts'

/** Everything that is told of a competition. */
export function figuresOf(rules: Rules, outcome: Outcome, layers: number): readonly Figure[] {
  const { compare = [], sameLosses = [], lossesApart = '<= 0.001', isModel = true, more } = rules
  const barOf: BarOf = (bar) => (isModel && layers !== fullLayers ? null : bar)
  const { present } = outcome
  const losses = present.filter(({ name }) => sameLosses.includes(name)).map(({ name }) => outcome.ready(name)?.losses)
  return [
    ...present.flatMap((competitor) => ofOne(competitor, rules, outcome, barOf)),
    ...compare.flatMap((comparison) => ofTwo(comparison, outcome, barOf)),
    ...(more?.(outcome, barOf) ?? []),
    ...lossFigures(losses, lossesApart),
  ]
}

/** The kernels of those of whom they are known, as tables. */
export function tablesOf({ present, calls, times, kernels }: Outcome): readonly string[] {
  return present.flatMap((competitor) => {
    const { name } = competitor
    const costs = kernels(name)
    if (costs.length === 0) return []
    const milliseconds = calls(competitor) * times(name).reduce((sum, ms) => sum + ms, 0)
    return [`  ${name}, ${costs.length} rounds`, kernelTable(sumOfCosts(costs), milliseconds)]
  })
}

function ofOne(
  competitor: Competitor,
  { tokens, unit = 'ms' }: Rules,
  outcome: Outcome,
  barOf: BarOf,
): readonly Figure[] {
  const { name, time, encoding, outside, kernelsOutside, between, memory } = competitor
  const times = outcome.times(name)
  const fell = outcome.fell(name)
  const ready = outcome.ready(name)
  const costs = outcome.kernels(name)
  const spent = (round: number) => outcome.calls(competitor) * times[round]!
  const scaled = unit === 's' ? times.map((ms) => ms / 1000) : times
  const figures = [figure(name, unit, scaled, { bar: barOf(time), fell })]
  const perSecond = (what: string, perUnit: string, count: number) =>
    figures.push(
      figure(
        `${name}: ${what}`,
        perUnit,
        times.map((ms) => count / ms),
        { fell },
      ),
    )
  if (tokens !== undefined) perSecond('tokens', 'tokens/s', 1000 * tokens)
  if (ready?.bytes !== undefined) perSecond(`${size(ready.bytes)} a call`, 'GB/s', ready.bytes / 1e6)
  const engine = outcome.encoding(name)
  if (engine.length > 0) figures.push(figure(`${name}: encode, bind, submit`, 'ms', engine, { bar: barOf(encoding) }))
  const ahead = outcome.ahead(name)
  if (ahead.length > 0) figures.push(figure(`${name}: encoded while the adapter works`, 'ms', ahead))
  for (const [what, count] of Object.entries(ready?.counts ?? {})) figures.push(figure(`${name}: ${what}`, '', [count]))
  const share = (what: string, shares: readonly number[], bar: Bar | undefined) => {
    const percents = shares.map((part) => 100 * part)
    if (percents.length > 0) figures.push(figure(`${name}: ${what}`, '%', percents, { bar: barOf(bar), fell }))
  }
  if (outside) {
    const shares = costs.map((round, i) => shareOutside(round, spent(i)))
    share('outside matmul and attention', shares, outside)
  }
  if (between) {
    const shares = costs.map((round, i) => shareBetween(round, spent(i)))
    share('between kernels', shares, between)
  }
  if (kernelsOutside) {
    const shares = costs.map((round) => shareOutside(round, timeOf(round)))
    share('kernels outside matmul and attention', shares, kernelsOutside)
  }
  // A process that several share is told once; one that only reads bytes has nothing to tell.
  const peak = ready === undefined || competitor.bytesOf !== undefined ? null : outcome.memory(name)
  if (peak !== null) figures.push(figure(`${name}: peak resident memory`, 'GB', [peak], { bar: barOf(memory) }))
  return figures
}

function size(bytes: number): string {
  return bytes < 1e8 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e9).toFixed(3)} GB`
}

function ofTwo(
  { slower, faster, of = 'time', what, bar, judgedBy }: Comparison,
  { present, times, memory, fell }: Outcome,
  barOf: BarOf,
): readonly Figure[] {
  if (![slower, faster].every((name) => present.some((one) => one.name === name))) return []
  if (of === 'memory') {
    const peaks = [memory(slower), memory(faster)].flatMap((peak) => peak ?? [])
    const [mine, other] = peaks
    if (mine === undefined || other === undefined) return []
    return [ratio(what ?? `${slower} over ${faster}: memory`, [mine], [other], { bar: barOf(bar) })]
  }
  const either = [...new Set([...(fell(slower) ?? []), ...(fell(faster) ?? [])])].sort((a, b) => a - b)
  const options = { bar: barOf(bar), judgedBy, fell: fell(slower) && either }
  return [ratio(what ?? `${slower} over ${faster}`, times(slower), times(faster), options)]
}

/** How far the losses of several programs fall, and how far apart they are at most. */
function lossFigures(losses: readonly (readonly number[] | undefined)[], bar: Bar): readonly Figure[] {
  const [first = [], ...others] = losses
  if (others.length === 0) return []
  const apart = others.flatMap((other = []) => first.map((loss, step) => Math.abs(loss - (other[step] ?? NaN))))
  const steps = `of the first ${first.length} steps`
  return [
    figure(`fall of the losses ${steps}`, 'nats', [(first[0] ?? NaN) - (first.at(-1) ?? NaN)], { bar: '> 0' }),
    figure(`losses ${steps}, furthest apart`, 'nats', [Math.max(...apart)], { bar }),
  ]
}
