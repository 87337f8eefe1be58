/**
 * The mean over labels of 2 TP / (2 TP + FP + FN), as scikit-learn's `f1_score(average='macro')` and so PubMedQA's
 * evaluation.py: over labels that are right or chosen somewhere, others are left out.
 * @param right A label a question. @param chosen Likewise; `null` where none was chosen, which is a miss and no label.
 */
export function macroF1(right: readonly number[], chosen: readonly (number | null)[]): number {
  const labels = [...new Set([...right, ...chosen])].filter((label) => label !== null)
  const scores = labels.map((label) => {
    const hits = right.filter((one, i) => one === label && chosen[i] === label).length
    const named = right.filter((one) => one === label).length + chosen.filter((one) => one === label).length
    return (2 * hits) / named
  })
  return scores.reduce((sum, score) => sum + score, 0) / scores.length
}
