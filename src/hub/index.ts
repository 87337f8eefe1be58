/**
 * Gives an adapter or a model away on the Hugging Face Hub, by the optional package `@huggingface/hub`: a repository, a
 * branch or a pull request, and all files in one commit.
 * @packageDocumentation
 */
export type { HubLibrary } from './hub-library.ts'
export { planPush, type PlanOptions, type PushedFile, type PushPlan, type PushSource } from './plan-push.ts'
export { pushToHub, type PushOptions, type PushResult } from './push-to-hub.ts'
export type { PushProgress } from './push-meter.ts'
