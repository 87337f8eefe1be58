import type { ReportContent } from './report-page.ts'

/**
 * A training as one HTML file that needs no network and no script: the curves of loss, learning rate, gradient norm and
 * throughput, samples, all numbers as a table, and what the run is made of. `Trainer` keeps it as `report.html`.
 */
export async function trainingReport(content: ReportContent): Promise<string> {
  // Who makes none need not load it.
  const { reportPage } = await import('./report-page.ts')
  return reportPage(content)
}
