/** How MedQuAD asks about a disease; its copies without the disease's name are questions of this kind. */
const asked = new RegExp(
  '^(?:do you have information about' +
    '|what (?:is \\(are\\)|is|are) the (?:symptoms|treatments?|genetic changes|outlook|stages|complications|causes) ' +
    '(?:of|for|related to)' +
    '|what (?:is \\(are\\)|is|are)|what causes|what to do for|how (?:to (?:diagnose|prevent)|many people are affected by)' +
    '|is|who is at risk for|what research \\(or clinical trials\\) is being done for)' +
    '\\s+(.*?)(?: inherited)?[\\s?]*$',
  'i',
)

/** What a question of MedQuAD's kind is about, such as gout in "What causes gout?"; '' for any other question. */
export function focusOfQuestion(question: string): string {
  return asked.exec(question.trim().slice(0, 300))?.[1]?.trim() ?? ''
}
