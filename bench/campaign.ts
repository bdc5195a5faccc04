// npm run bench -- campaign: a small campaign as a user has it, from the start of a process to the last image, twice: with
// an empty folder for everything that drivers and we keep between runs (cold), and once more with what that left (warm).
// The second run must make the very same pixels. Nothing else is stored, so no disk is timed.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWeights, withGpu } from '../src/cli/model.ts';
import { Gpu } from '../src/engine/device.ts';
import { StreamscopeError } from '../src/error.ts';
import type { Network } from '../src/model/network.ts';
import { parseUnits, unitName } from '../src/model/taps.ts';
import { batchesOf, type ImageTask, visualizeImages } from '../src/visualization/campaign.ts';
import { adapterOf } from './adapter.ts';
import { type CampaignReport, durations, type Start } from './campaignReport.ts';
import document from './cases.json';
import { announce, failIf, finish, say, surroundings } from './document.ts';

const defaults = document.campaign;
/** Steps of the study's visualisations. */
const STUDY_STEPS = 2560;

/** As the study has them. */
const SETTINGS = { jitterMode: 'faithful', learningRate: 0.05, size: 224, seed: 0, retries: 0 } as const;

interface Request {
  weights: string;
  units: string;
  steps: number;
  batch: number;
}

/** In the child: runs the campaign and prints its report as the last line. */
export async function campaignChild(text: string): Promise<void> {
  const { weights: path, units: list, steps, batch } = JSON.parse(text) as Request;
  const { weights, network } = await openWeights(path);
  const opened = Date.now();
  await withGpu({ network, weights }, async (gpu, parameters) => {
    const report: CampaignReport = {
      opened,
      device: Date.now(),
      progress: [],
      end: 0,
      units: [],
      liveBytes: 0,
    };
    const onProgress = (done: number) => {
      report.progress.push({ at: Date.now(), steps: done });
      report.liveBytes = Math.max(report.liveBytes, gpu.liveBytes);
    };
    const settings = { ...SETTINGS, steps, batch };
    await visualizeImages(
      { gpu, network, parameters, onProgress },
      tasksOf(network, list),
      settings,
      async (image) => {
        const sha256 = createHash('sha256').update(image.pixels).digest('hex');
        report.units.push({ name: unitName(image.task.unit), status: image.status, sha256 });
      },
    );
    report.end = Date.now();
    console.log(JSON.stringify(report));
  });
}

/** Runs a child whose caches lie in `folder`; returns its report and when it was started. */
async function runChild(
  request: Request,
  folder: string,
): Promise<{ started: number; report: CampaignReport }> {
  const script = `import { main } from ${JSON.stringify(import.meta.url)};
    process.exit(await main(['node', 'bench', 'campaign-child', ${JSON.stringify(JSON.stringify(request))}], ''));`;
  const caches = {
    HOME: folder,
    XDG_CACHE_HOME: folder,
    MESA_SHADER_CACHE_DIR: folder,
    __GL_SHADER_DISK_CACHE_PATH: folder,
  };
  const started = Date.now();
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...caches },
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new StreamscopeError('bug', `The campaign ended with exit code ${code}.`);
  return { started, report: JSON.parse(output.trim().split('\n').at(-1)!) as CampaignReport };
}

/** One image per unit. */
const tasksOf = (network: Network, list: string): ImageTask[] =>
  parseUnits(network, list).map((unit) => ({ unit, objective: 'center', index: 0 }));

export interface CampaignCommand {
  weights: string;
  units?: string;
  /** at least 3: the first is start-up */
  steps?: number;
  batch?: number;
  out?: string;
}

export async function campaignCommand(options: CampaignCommand, root: string): Promise<void> {
  const { weights, units = defaults.units, steps = defaults.steps, batch = defaults.batch, out } = options;
  const request: Request = { weights, units, steps, batch };
  const { network } = await openWeights(weights);
  const tasks = tasksOf(network, units);
  const batchSteps = batchesOf(tasks, () => batch).map(({ length }) => length * steps);
  const gpu = await Gpu.acquire();
  const started = { kind: 'campaign', date: new Date().toISOString(), ...surroundings(adapterOf(gpu), root) };
  announce(adapterOf(gpu));
  gpu.close();
  const folder = mkdtempSync(join(tmpdir(), 'streamscope-bench-'));
  try {
    const starts: Record<string, Start> = {};
    const hashes: string[] = [];
    say(CAMPAIGN_HEADER);
    for (const name of ['cold', 'warm']) {
      const { started: at, report } = await runChild(request, folder);
      const bad = report.units
        .filter(({ status }) => status !== 'ok')
        .map((unit) => `${unit.name} is ${unit.status}`);
      failIf(bad);
      starts[name] = durations(at, report, batchSteps);
      hashes.push(report.units.map(({ sha256 }) => sha256).join());
      say(campaignLine(name, starts[name]));
    }
    if (hashes[0] !== hashes[1]) failIf(['the warm run made other pixels than the cold one']);
    const images = { units, count: tasks.length, steps, batch };
    const projected = { steps: STUDY_STEPS, unitsPerHour: 3.6e6 / (STUDY_STEPS * starts.warm.msPerStep) };
    await finish({ ...started, images, ...starts, projected }, out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const CAMPAIGN_HEADER =
  'start  first step, s  = process + device + compiling + step   total, s  units/hour  ms/image and step  MiB';

function campaignLine(
  name: string,
  { firstStep, phases, total, unitsPerHour, msPerStep, liveBytes }: Start,
): string {
  const parts = [phases.process, phases.device, phases.compiling, phases.step]
    .map((s) => s.toFixed(2))
    .join(' + ');
  const mebibytes = (liveBytes / 2 ** 20).toFixed(0);
  return `${name.padEnd(6)} ${firstStep.toFixed(2).padStart(13)}  = ${parts.padEnd(35)} ${total.toFixed(1).padStart(9)} ${unitsPerHour.toFixed(0).padStart(11)} ${msPerStep.toFixed(2).padStart(18)} ${mebibytes.padStart(4)}`;
}
