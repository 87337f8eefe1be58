import { check, MedAwareError } from '../core/errors.ts'
import { withMethods } from '../core/options.ts'
import type { Device } from '../device/device.ts'
import type { Lookup } from '../nn/embedding.ts'
import type { Head } from '../nn/language-head.ts'
import type { Module } from '../nn/module.ts'

/** A model that adapters can be put on. */
export interface Adaptable extends Module {
  /**
   * What LoRA adapts where `targetModules` is not given, such as PEFT's choice for an architecture. Default
   * ['query_key_value'].
   */
  readonly loraTargets?: readonly string[]
  /** Says which architecture it is, by which methods choose what they adapt. */
  readonly config?: { readonly modelType: string }
  /** Its table of embeddings, and its head, which PEFT saves in a way of its own. */
  getInputEmbeddings?(): Lookup
  getOutputEmbeddings?(): Head
  /** Where it computes. Default: where its first weight lies. */
  readonly device?: Device
  /** Where it came from, which its adapters name as their base: a repository's name or a path. */
  readonly nameOrPath?: string | null
  /** The revision it was loaded at, where it was told one. */
  readonly revision?: string | null
}

/** A model that a caller gives. */
export const adaptableRule = withMethods<Adaptable>("a model, such as loadModel's", [
  'namedModules',
  'namedWeights',
  'replace',
])

/** Where a model computes. @throws MedAwareError `config` for one without weights. */
export function deviceOf(model: Adaptable): Device {
  if (model.device !== undefined) return model.device
  for (const [, { device }] of model.namedWeights()) return device
  throw new MedAwareError('config', 'the model has no weights, so it is on no device')
}

/** Sees that a device, where one is given, is the model's. @throws MedAwareError `config`. */
export function checkDevice(who: string, model: Adaptable, device: Device | undefined): void {
  check(device === undefined || device === deviceOf(model), 'config', () => {
    return `${who}: device must be the model's, ${deviceOf(model).description}, got ${device?.description ?? ''}; leave it out`
  })
}
