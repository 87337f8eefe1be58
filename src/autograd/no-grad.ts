import { callback, readArgument } from '../core/options.ts'
import { Tape } from './tape.ts'

/**
 * Runs `work` without noting anything: what it makes has no history, and no gradient goes through it. torch's
 * `no_grad`.
 * @throws MedAwareError `config` for what is no function, or one that does its work later (async).
 */
export function noGrad<T>(work: () => T): T {
  return Tape.during(null, readArgument('noGrad', 'work', work, callback<typeof work>()), 'noGrad')
}
