import { platformName } from '#platform'
import type { JsonObject } from '../core/json.ts'
import { version } from '../core/version.ts'
import type { Adapter } from '../peft/adapter.ts'
import { countParameters } from '../peft/parameter-counts.ts'
import { describeSchedule } from '../optim/schedules/schedules.ts'
import type { TrainingRun } from '../train/training-run.ts'
import type { ResolvedTrainerOptions } from './trainer-options.ts'

/** What a run is made of, for people and for programs: `run.json` of its folder. */
export async function describeTraining<B>(
  run: TrainingRun<B>,
  own: ResolvedTrainerOptions,
  adapter: Adapter | null,
): Promise<JsonObject> {
  const { model, options, optimizer, steps } = run
  const { examples: hash, config, formats, engine } = await run.identify()
  const { outputDir: _, evalDataset, callbacks, card: __, samples, ...settings } = own
  return {
    package: { name: 'peft-medaware', version },
    environment: {
      platform: platformName,
      runtime: globalThis.navigator?.userAgent ?? platformName,
      engine,
      device: model.device.description,
    },
    model: {
      nameOrPath: 'nameOrPath' in model && typeof model.nameOrPath === 'string' ? model.nameOrPath : null,
      config,
      formats,
      ...countParameters(model),
    },
    adapter: adapter && adapter.config,
    data: { examples: run.examples.length, fingerprint: hash, evalExamples: evalDataset?.length ?? 0 },
    options: {
      ...options,
      schedule: describeSchedule(options.schedule, steps),
      optimizer: { type: optimizer.name, ...optimizer.hyperparameters },
      ...(run.lossSettings && { loss: run.lossSettings }),
      ...(run.hasOwnCollator && { dataCollator: 'own' }),
      ...settings,
      samples: samples && { prompts: samples.prompts, generation: samples.generation ?? {} },
      callbacks: callbacks.map(({ name }) => name),
    },
    steps,
  }
}
