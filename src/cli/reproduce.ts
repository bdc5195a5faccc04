// streamscope reproduce: the study, from weights and photographs to a report. One list of stages, each done once; the
// same command again continues where the last one ended, and a finished run is only checked.
//
//   plan -> photographs -> images -> responses of every block -> analyze [-> display] -> report
//
// Photographs come before images, so that a folder that will not do is refused within seconds, not after hours.

import { join, relative } from 'node:path';
import {
  displayImages,
  imageId,
  type PlanDocument,
  type PlanRequest,
  planDocument,
  planImages,
  runSettings,
} from '../analysis/plan.ts';
import type { Report } from '../analysis/report.ts';
import { channelsToShow } from '../analysis/reportSections.ts';
import { placesOf } from '../analysis/responses.ts';
import type { Block } from '../model/network.ts';
import type { ImageTask } from '../visualization/campaign.ts';
import { analyze } from './analyze.ts';
import { type CampaignOptions, runCampaign } from './campaign.ts';
import { collect } from './collect.ts';
import { collectedFile, placeFiles } from './collected.ts';
import { filesBelow, readBytes, writeAtomically } from './files.ts';
import { parseJson } from './jsonFiles.ts';
import { type OpenWeights, openWeights } from './model.ts';
import { NAMED, type RequestOptions, requestOf, writePlan } from './plan.ts';
import { writeReport } from './report.ts';
import { measureRunBlock, type ResponsesOptions, stimuliOf } from './responses.ts';
import { pathsOf } from './runFolder.ts';
import { openRun } from './runSettings.ts';
import { runStages, type Stage } from './stages.ts';

export interface ReproduceOptions extends CampaignOptions, RequestOptions, ResponsesOptions {
  weights: string;
}

/** What every stage is made from. */
interface Run {
  options: ReproduceOptions;
  opened: OpenWeights;
  request: PlanRequest;
  plan: PlanDocument;
  signal: AbortSignal;
}

/** Prints the path of the report. Throws what a stage throws; everything that was finished before is kept. */
export async function reproduce(options: ReproduceOptions, signal: AbortSignal): Promise<void> {
  const opened = await openWeights(options.weights);
  const request = requestOf(opened, options);
  const settings = runSettings(opened.network, opened.sha256, options);
  await openRun(options.out, settings);
  const plan = await planDocument(opened.network, settings, request);
  const run = { options, opened, request, plan, signal };
  await runStages(options.out, stagesOf(run), signal);
  console.log(join(options.out, 'report.html'));
}

const stagesOf = (run: Run): Stage[] => [
  planStage(run),
  ...(run.options.images ? [photographsStage(run, run.options.images)] : []),
  imagesStage(run),
  ...run.request.blocks.map((block) => responsesStage(run, block)),
  analyzeStage(run),
  ...(run.options.display === NAMED ? [displayStage(run)] : []),
  reportStage(run),
];

/** RUN/plan.json: what the run consists of. */
const planStage = ({ options, plan }: Run): Stage => ({
  name: 'plan',
  settings: plan,
  run: async () => {
    await writeAtomically(join(options.out, 'plan.json'), writePlan(plan));
    return ['plan.json'];
  },
});

/** What the taps answer to the photographs. The file names the SHA-256 of every other. */
const photographsStage = ({ options, opened, plan, signal }: Run, images: string): Stage => ({
  name: 'photographs',
  settings: { blocks: plan.blocks },
  incremental: true,
  run: async () => {
    const { weights, out, progress, host, chrome } = options;
    const blocks = plan.blocks.join(',');
    const settings = { weights, images, blocks, out, batch: COLLECT_BATCH, progress, quiet: true };
    await collect({ ...settings, host, chrome }, signal);
    return [relative(out, collectedFile(out, opened.network))];
  },
});

const COLLECT_BATCH = 16;

/** The images. The sidecars name the SHA-256 of the others. */
const imagesStage = (run: Run): Stage => ({
  name: 'images',
  settings: run.plan,
  incremental: true,
  run: () => makeImages(run, planImages(run.opened.network, run.request)),
});

async function makeImages(run: Run, tasks: readonly ImageTask[]): Promise<string[]> {
  const made = await runCampaign(run.opened, tasks, run.options, run.signal);
  const failed = made.filter(({ status }) => status !== 'ok');
  for (const { task, status } of failed.slice(0, 8)) console.error(`${imageId(task)} is ${status}`);
  if (failed.length > 0) console.error(`${failed.length} of ${made.length} images could not be made.`);
  return sidecarsOf(run, tasks);
}

/** What a block answers to its images and photographs: RUN/measurements/<block>. */
function responsesStage(run: Run, block: Block): Stage {
  const { options, opened, plan, signal } = run;
  const { network } = opened;
  const sidecars = sidecarsOf(run, stimuliOf(network, block, plan));
  const places = options.images ? [...new Set(Object.values(placesOf(network, block)))] : [];
  const photographs = places.flatMap((place) => Object.values(placeFiles(network, place)));
  const provenance = { command: commandOf(run, block), settings: provenanceOf(run) };
  return {
    name: `responses-${block.name}`,
    settings: provenance,
    reads: () => [...sidecars, ...photographs],
    run: async () => [await measureRunBlock(options, opened, block, plan, provenance, signal)],
  };
}

/** Sidecars of images, below the run folder. */
const sidecarsOf = ({ options, opened }: Run, tasks: readonly ImageTask[]): string[] =>
  tasks.map((task) => relative(options.out, pathsOf(options.out, opened.network.name, task).json));

/** Paths below the run folder of all files in one of its folders. */
const filesIn = async (out: string, folder: string): Promise<string[]> =>
  (await filesBelow(join(out, folder))).map((path) => join(folder, path));

/** What the analysis reads: all that was measured in the folder, also by earlier runs and by ablations. */
async function recordsOf({ options: { out }, opened }: Run): Promise<string[]> {
  const records = [...(await filesIn(out, 'measurements')), ...(await filesIn(out, 'ablation'))];
  return [
    relative(out, collectedFile(out, opened.network)),
    ...records.filter((path) => path.endsWith('.json') && !path.endsWith('.partial.json')),
  ];
}

/** Sidecars of all images in the folder: any of them may be in a grid. */
const picturesOf = async ({ options: { out }, opened }: Run): Promise<string[]> =>
  (await filesIn(out, opened.network.name)).filter((path) => /\d+_distill_\w+\.json$/.test(path));

/** Every metric: RUN/report.json, channels.csv. */
const analyzeStage = (run: Run): Stage => ({
  name: 'analyze',
  settings: {},
  reads: () => recordsOf(run),
  run: async () => (await analyze({ run: run.options.out })).files,
});

/** O and the whole channels of what the report will show. */
const displayStage = (run: Run): Stage => ({
  name: 'display',
  settings: run.plan.settings,
  reads: () => ['report.json'],
  incremental: true,
  run: async () => makeImages(run, await namedImages(run)),
});

/** Images of the channels that the report names: known as soon as it has been analysed. */
async function namedImages({ options, opened }: Run): Promise<ImageTask[]> {
  const bytes = await readBytes(join(options.out, 'report.json'));
  const report = parseJson(bytes) as Report;
  return displayImages(opened.network, channelsToShow(report));
}

/** Figures, grids and the page. */
const reportStage = (run: Run): Stage => ({
  name: 'report',
  settings: { photographs: run.options.images !== undefined },
  reads: async () => ['report.json', ...(await recordsOf(run)), ...(await picturesOf(run))],
  run: async () => (await writeReport({ run: run.options.out, images: run.options.images })).files,
});

/** What the report says about where its numbers come from. No path: two runs of one command leave the same bytes. */
const provenanceOf = ({ options, plan }: Run): Record<string, unknown> => ({
  ...plan.settings,
  settingsHash: plan.settingsHash,
  seeds: plan.seeds,
  pixels: options.pixels,
});

/** The command that measures a block so, with every setting that its numbers depend on. */
function commandOf({ options, plan }: Run, block: Block): string {
  const { settings, seeds } = plan;
  const jitter = settings.jitter === 'study' ? [] : [`--jitter ${settings.jitter}`];
  return [
    'streamscope reproduce --weights WEIGHTS',
    ...(options.images ? ['--images IMAGES'] : []),
    `--blocks ${block.name} --seeds ${seeds} --steps ${settings.steps} --seed ${settings.seed}`,
    ...jitter,
    `--jitter-mode ${settings.jitterMode} --learning-rate ${settings.learningRate} --size ${settings.size}`,
    `--retries ${settings.retries} --pixels ${options.pixels} --out RUN`,
  ].join(' ');
}
