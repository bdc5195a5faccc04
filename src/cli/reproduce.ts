// streamscope reproduce: the study, from weights and photographs to a report. One list of stages, each done once;
// the same command again continues where the last one ended, and a finished run is only checked.
//
//   plan -> images ----> responses (by block) -> analyze -> report
//           photographs -^

import { join, relative } from 'node:path';
import {
  imageId,
  type PlanDocument,
  type PlanRequest,
  planDocument,
  planImages,
  runSettings,
} from '../analysis/plan.ts';
import { type CampaignOptions, runCampaign } from './campaign.ts';
import { writeAtomically } from './files.ts';
import { type OpenWeights, openWeights } from './model.ts';
import { type RequestOptions, requestOf, writePlan } from './plan.ts';
import { pathsOf } from './runFolder.ts';
import { openRun } from './runSettings.ts';
import { runStages, type Stage } from './stages.ts';

export interface ReproduceOptions extends CampaignOptions, RequestOptions {
  weights: string;
  images?: string;
}

interface Context {
  options: ReproduceOptions;
  opened: OpenWeights;
  request: PlanRequest;
  document: PlanDocument;
  signal: AbortSignal;
}

/** Throws what a stage throws; everything that was finished before is kept. */
export async function reproduce(options: ReproduceOptions, signal: AbortSignal): Promise<void> {
  const opened = await openWeights(options.weights);
  const request = requestOf(opened, options);
  const settings = runSettings(opened.network, opened.sha256, options);
  await openRun(options.out, settings);
  const document = await planDocument(opened.network, settings, request);
  const context = { options, opened, request, document, signal };
  await runStages(options.out, [planStage(context), imagesStage(context)], signal);
}

/** RUN/plan.json: what the run consists of. */
function planStage({ options, document }: Context): Stage {
  return {
    name: 'plan',
    after: [],
    settings: document,
    run: async () => {
      await writeAtomically(join(options.out, 'plan.json'), writePlan(document));
      return ['plan.json'];
    },
  };
}

/** The images, with a sidecar each. */
function imagesStage({ options, opened, request, document, signal }: Context): Stage {
  const tasks = planImages(opened.network, request);
  return {
    name: 'images',
    after: [],
    settings: document,
    incremental: true,
    run: async () => {
      const made = await runCampaign(opened, tasks, options, signal);
      const failed = made.filter(({ status }) => status !== 'ok');
      for (const { task, status } of failed.slice(0, 8)) console.error(`${imageId(task)} is ${status}`);
      if (failed.length > 0) console.error(`${failed.length} of ${made.length} images could not be made.`);
      return tasks.map((task) => relative(options.out, pathsOf(options.out, opened.network.name, task).json));
    },
  };
}
