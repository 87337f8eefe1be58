import { type OptionRules, readOptions } from '../../core/options.ts'
import { checkColumns } from '../layouts.ts'
import { type PrepareOptions, prepareRules } from '../prepare-options.ts'
import { preferenceLayouts } from './preference-columns.ts'

/** How rows of preferences become pairs. Names and defaults are those of TRL 1.16's DPOConfig. */
export type PreferenceOptions = Pick<
  PrepareOptions,
  'maxLength' | 'truncationMode' | 'chatTemplate' | 'columns' | 'onWarning' | 'onProgress' | 'signal'
>

const { maxLength, truncationMode, chatTemplate, columns, onWarning, onProgress, signal } = prepareRules

/** A rule for each of them. */
export const preferenceRules: OptionRules<PreferenceOptions> = {
  ...{ maxLength, truncationMode, chatTemplate, columns },
  ...{ onWarning, onProgress, signal },
}

/** Options with their defaults. */
export type ResolvedPreferenceOptions = PreferenceOptions &
  Required<Pick<PreferenceOptions, 'truncationMode' | 'columns' | 'onWarning'>> & {
    /** Tokens of a prompt with an answer; Infinity for any number. */
    readonly most: number
  }

/** @throws MedAwareError `config` for what makes no sense. */
export function readPreferenceOptions(who: string, options: PreferenceOptions | undefined): ResolvedPreferenceOptions {
  const { maxLength: most = 1024, columns: named = {}, ...rest } = readOptions(who, options, preferenceRules)
  checkColumns(preferenceLayouts, who, named)
  return {
    truncationMode: 'keep_start',
    onWarning: () => undefined,
    ...rest,
    columns: named,
    most: most ?? Infinity,
  }
}
