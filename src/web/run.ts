// What the page shows of a run folder: the metrics of report.json (streamscope analyze), the responses that they were
// made of, and pictures. Everything is checked as it comes: a run folder may be anyone's.

import * as v from 'valibot';
import { ROLES, type Role } from '../analysis/measurements.ts';
import { StreamscopeError } from '../error.ts';
import { makeNetwork, type Network } from '../model/network.ts';
import { parseNpy } from '../model/npy.ts';
import { findTap } from '../model/taps.ts';
import type { RunFiles } from './runFiles.ts';

const maybe = v.nullable(v.number());

const blockSchema = v.object({
  block: v.string(),
  channels: v.number(),
  reading: v.object({ rules: v.picklist(['text', 'code']), clamp: v.number(), tolerance: v.number() }),
  weightMagnitude: v.object({ batchNorm: v.array(v.number()), convolution: v.array(v.number()) }),
  tuningScales: v.array(v.number()),
  seeds: v.pipe(
    v.array(
      v.object({
        seed: v.number(),
        mix: v.array(
          v.object({
            value: maybe,
            case: v.picklist(['ratio', 'overwrite', 'skip', 'silent', 'missing']),
          }),
        ),
        histogram: v.array(v.number()),
        inhibition: v.object({ values: v.array(maybe) }),
        invariance: v.object({
          scale: v.optional(
            v.object({ channels: v.array(v.object({ metric: maybe, passes: v.boolean() })) }),
          ),
        }),
        tuning: v.optional(
          v.array(v.object({ channel: v.number(), curve: v.nullable(v.array(v.number())) })),
        ),
      }),
    ),
    v.minLength(1),
  ),
});

const reportSchema = v.object({
  format: v.literal('streamscope report 1'),
  blocks: v.pipe(v.array(blockSchema), v.minLength(1)),
  provenance: v.record(v.string(), v.object({ settings: v.record(v.string(), v.unknown()) })),
});

const extremesSchema = v.object({ top: v.array(v.array(v.number())) });

export type RunBlock = v.InferOutput<typeof blockSchema>;

/** responses[tap][image] of one channel */
export type Nine = Record<Role, Partial<Record<Role, number>>>;

export class Run {
  private constructor(
    readonly files: RunFiles,
    readonly network: Network,
    /** of the weights that it was made with; undefined where nobody recorded it */
    readonly weightsSha256: string | undefined,
    readonly blocks: readonly RunBlock[],
  ) {}

  /** Undefined where there is no report.json. Throws badInput where it is not one. */
  static async open(files: RunFiles): Promise<Run | undefined> {
    const bytes = await files.read('report.json');
    if (!bytes) return undefined;
    const damaged = (what: string) =>
      new StreamscopeError(
        'badInput',
        `report.json of ${files.name}: ${what}.`,
        'Make it again: streamscope analyze --run FOLDER.',
      );
    let json: unknown;
    try {
      json = JSON.parse(new TextDecoder().decode(bytes));
    } catch {
      throw damaged('it is not JSON');
    }
    const result = v.safeParse(reportSchema, json);
    if (!result.success) {
      const [issue] = result.issues;
      throw damaged(`${v.getDotPath(issue) ?? 'the document'}: ${issue.message}`);
    }
    const { blocks, provenance } = result.output;
    const recorded = (setting: string): string | undefined =>
      Object.values(provenance)
        .map(({ settings }) => settings[setting])
        .find((value) => typeof value === 'string');
    const network = makeNetwork(recorded('network') ?? 'resnet18');
    return new Run(files, network, recorded('weightsSha256'), blocks);
  }

  block(name: string): RunBlock | undefined {
    return this.blocks.find(({ block }) => block === name);
  }

  /** The nine responses of a channel's first seed; what was not measured is absent. */
  async responses({ block, channels, seeds: [{ seed }] }: RunBlock, channel: number): Promise<Nine> {
    const nine: Nine = { I: {}, B: {}, O: {} };
    await Promise.all(
      ROLES.flatMap((tap) =>
        ROLES.map(async (image) => {
          const path = `measurements/${block}/seed${seed}.responses.${tap}.${image}.npy`;
          const bytes = await this.files.read(path);
          if (!bytes) return;
          const { shape, data } = parseNpy(bytes);
          if (shape.join() !== `${channels},1`)
            throw new StreamscopeError('badInput', `${path} is [${shape}], expected [${channels},1].`);
          nine[tap][image] = data[channel];
        }),
      ),
    );
    return nine;
  }

  /** A picture of the run as a PNG file: the centre unit's or the whole channel's. */
  picture(block: string, role: Role, channel: number, objective: 'center' | 'channel') {
    const { module } = findTap(this.network, `${block}.${role}`);
    return this.files.read(`${this.network.name}/${module}/unit${channel}/0_distill_${objective}.png`);
  }

  /** The photographs that excite a channel most, where `collect --crops` kept them. */
  async photographs(block: string, role: Role, channel: number): Promise<Uint8Array[]> {
    const { module } = findTap(this.network, `${block}.${role}`);
    const bytes = await this.files.read(`${this.network.name}/${module}/topImages.json`);
    if (!bytes) return [];
    const result = v.safeParse(extremesSchema, JSON.parse(new TextDecoder().decode(bytes)));
    const top = result.success ? (result.output.top[channel] ?? []) : [];
    const read = (image: number) => this.files.read(`${this.network.name}/crops/${image}.png`);
    const [first, ...others] = top.slice(0, 9);
    const strongest = first === undefined ? undefined : await read(first);
    if (!strongest) return []; // collected without --crops
    const crops = [strongest, ...(await Promise.all(others.map(read)))];
    return crops.filter((crop) => crop !== undefined);
  }
}
