// The transforms between the image and the network, as the study's released code applies them:
//   jitter < 4:   scale, rotate
//   jitter >= 4:  reflect-pad by jitter, translate, scale, rotate, translate by up to half, crop to the image's size
// Every step draws them anew for every unit. Each is a resampling of its own: composing them would change the
// numbers. Only the windows that matter are computed; their sizes are fixed, where they lie depends on the draw.
//
// A translation by d moves the content by d * n / (n - 1) px: the pinned version of the study's image library
// normalises coordinates by n - 1 and samples by n. Which d are drawn, jitter.ts says.

import { draws, PURPOSE } from '../engine/random.ts';
import type { Tape } from '../engine/tape.ts';
import type { Tensor } from '../engine/tensor.ts';
import type { Warp } from '../kernels/imageReference.ts';
import { normalize } from '../kernels/normalize.ts';
import { isPacked } from '../kernels/pack.ts';
import { packedPad, pad } from '../kernels/pad.ts';
import { candidatesOf, packedWarp, SLACK, warp } from '../kernels/warp.ts';
import { roundHalfToEven } from '../model/preprocess.ts';
import { type JitterMode, jitterRanges } from './jitter.ts';

export interface TransformSettings {
  /** widest translation plus one, in pixels; below 4 there is neither padding nor translation */
  jitter: number;
  /** faithful unless given */
  jitterMode?: JitterMode;
  scales: readonly number[];
  /** degrees, positive is counter-clockwise */
  angles: readonly number[];
}

/** What the study uses, but for jitter, which depends on the tap. */
export const SCALES = [1, 0.975, 1.025, 0.95, 1.05];
export const ANGLES = [-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5];

/** One step's draw for one unit. */
export interface Draw {
  /** pixels to the right and down; negative to the left and up */
  first: readonly [number, number];
  scale: number;
  angle: number;
  second: readonly [number, number];
}

/** The draw of a step: a function of seed, stream and step alone. */
export function drawTransforms(
  { jitter, jitterMode = 'faithful', scales, angles }: TransformSettings,
  seed: number,
  stream: number,
  step: number,
): Draw {
  const source = { seed, stream, purpose: PURPOSE.transforms };
  const { first, second } = jitterRanges(jitter, jitterMode);
  const sizes = [scales.length, angles.length, first.count, first.count];
  const [scale, angle, dx, dy] = draws(source, 2 * step, sizes);
  const [dx2, dy2] = draws(source, 2 * step + 1, [second.count, second.count]);
  return {
    first: [first.least + dx, first.least + dy],
    scale: scales[scale],
    angle: angles[angle],
    second: [second.least + dx2, second.least + dy2],
  };
}

/** A resampling: its name and the rows (and columns) of what it makes, of which the network's part is a window. */
export interface Stage {
  kind: 'pad' | 'first' | 'scale' | 'rotate' | 'second';
  /** rows of the window it computes */
  rows: number;
}

export interface TransformPlan {
  settings: TransformSettings;
  /** rows of the whole image */
  size: number;
  /** rows of the image's window */
  rows: number;
  /** in the order they are applied */
  stages: readonly Stage[];
}

const jitters = ({ jitter }: TransformSettings): boolean => jitter >= 4;

/** Rows after scaling `n` rows: ceil(s n), and zeros on both sides where that is less than n. */
export function scaledFrame(n: number, scale: number): { content: number; padding: number; frame: number } {
  const content = Math.ceil(scale * n);
  const padding = Math.max(0, Math.ceil((n - content) / 2));
  return { content, padding, frame: content + 2 * padding };
}

/** Rows before scaling: the image and its reflection. */
const paddedFrame = (settings: TransformSettings, size: number) =>
  jitters(settings) ? size + 2 * settings.jitter : size;

/** Rows of the network's input for every scale that can be drawn. */
export function networkFrames(settings: TransformSettings, size: number): number[] {
  if (jitters(settings)) return [size];
  return [...new Set(settings.scales.map((scale) => scaledFrame(size, scale).frame))].sort((a, b) => a - b);
}

export const networkFrame = (settings: TransformSettings, size: number, { scale }: Draw): number =>
  jitters(settings) ? size : scaledFrame(size, scale).frame;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Window sizes of every stage, so that `networkRows` rows of the network's input are exact for every draw. */
export function planTransforms(
  settings: TransformSettings,
  size: number,
  networkRows: number,
): TransformPlan {
  const before = paddedFrame(settings, size);
  const after = Math.max(...settings.scales.map((scale) => scaledFrame(before, scale).frame));
  // an affine map that stretches by `factor` reads at most this many rows for `rows` rows
  const source = (rows: number, factor: number, frame: number) =>
    Math.min(frame, Math.floor((rows - 1) * factor) + 3);
  const turn = Math.max(
    ...settings.angles.map((a) => Math.abs(Math.cos(radians(a))) + Math.abs(Math.sin(radians(a)))),
  );
  const shrink = Math.max(...settings.scales.map((s) => (before - 1) / (scaledFrame(before, s).content - 1)));

  const rotated = jitters(settings) ? source(networkRows, 1, after) : networkRows;
  const scaled = source(rotated, turn, after);
  const shifted = source(scaled, shrink, before);
  const stages: Stage[] = [
    { kind: 'scale', rows: scaled },
    { kind: 'rotate', rows: rotated },
  ];
  if (!jitters(settings)) return { settings, size, rows: shifted, stages };
  const padded = source(shifted, 1, before);
  stages.unshift({ kind: 'pad', rows: padded }, { kind: 'first', rows: shifted });
  stages.push({ kind: 'second', rows: networkRows });
  return { settings, size, rows: Math.min(size, padded), stages };
}

/** A resampling of one frame into another: source = matrix * target + shift, in (column, row). */
export interface Affine {
  cos: number;
  sin: number;
  shift: readonly [number, number];
  /** rows (and columns) of the target frame that are computed; the rest is 0 */
  valid: readonly [number, number];
}

/** Moves a frame of n rows right and down by (dx, dy) n / (n - 1) pixels. */
export function translation([dx, dy]: readonly [number, number], n: number): Affine {
  const unit = n / (n - 1);
  return { cos: 1, sin: 0, shift: [-dx * unit, -dy * unit], valid: [0, n] };
}

/** Stretches n rows to ceil(scale n), corners onto corners, and pads with zeros where that is less than n. */
export function scaling(scale: number, n: number): Affine {
  const { content, padding } = scaledFrame(n, scale);
  const step = (n - 1) / (content - 1);
  return {
    cos: step,
    sin: 0,
    shift: [-padding * step, -padding * step],
    valid: [padding, padding + content],
  };
}

/** Turns a frame of n rows about its middle, counter-clockwise as displayed. */
export function rotation(degrees: number, n: number): Affine {
  const [cos, sin, middle] = [Math.cos(radians(degrees)), Math.sin(radians(degrees)), (n - 1) / 2];
  const shift = [middle - cos * middle + sin * middle, middle - sin * middle - cos * middle] as const;
  return { cos, sin, shift, valid: [0, n] };
}

function affineOf(kind: Stage['kind'], { settings, size }: TransformPlan, draw: Draw): Affine {
  const before = paddedFrame(settings, size);
  const after = scaledFrame(before, draw.scale).frame;
  if (kind === 'first') return translation(draw.first, before);
  if (kind === 'scale') return scaling(draw.scale, before);
  return kind === 'rotate' ? rotation(draw.angle, after) : translation(draw.second, after);
}

/** Where everything lies for one draw: rows of the tables that the kernels read. */
export interface Placement {
  /** row and column of the image's window */
  origin: readonly [number, number];
  /** source row, source column, target row, target column of the padding; zeros without it */
  pad: readonly [number, number, number, number];
  /** by kind */
  maps: Partial<Record<Stage['kind'], Warp>>;
}

/** Places the windows for one draw, from the network's window (its first row and column, in the network's frame) back. */
export function placeTransforms(plan: TransformPlan, draw: Draw, networkStart: number): Placement {
  const { settings, size, stages } = plan;
  const before = paddedFrame(settings, size);
  const { frame } = scaledFrame(before, draw.scale);
  const crop = jitters(settings) ? roundHalfToEven((frame - size) / 2) : 0;
  const maps: Placement['maps'] = {};
  let [x, y] = [networkStart + crop, networkStart + crop];
  let padding: Placement['pad'] = [0, 0, 0, 0];
  for (let i = stages.length - 1; i >= 0; i--) {
    const { kind, rows } = stages[i];
    const sourceRows = i === 0 ? plan.rows : stages[i - 1].rows;
    if (kind === 'pad') {
      const target = [y - settings.jitter, x - settings.jitter] as const;
      [y, x] = target.map((first) => clamp(first, 0, size - sourceRows));
      padding = [y, x, ...target];
      continue;
    }
    const sourceFrame = kind === 'rotate' || kind === 'second' ? frame : before;
    const map = affineOf(kind, plan, draw);
    const start = sourceStart(map, [x, y], rows).map((first) =>
      clamp(first, 0, Math.max(0, sourceFrame - sourceRows)),
    );
    maps[kind] = localMap(map, [x, y], start);
    [x, y] = start;
  }
  return { origin: [y, x], pad: padding, maps };
}

/** First column and row that the target window reads. */
function sourceStart({ cos, sin, shift }: Affine, [x, y]: number[], rows: number): number[] {
  const corners = [0, rows - 1].flatMap((i) => [0, rows - 1].map((j) => [x + i, y + j]));
  return [
    Math.floor(Math.min(...corners.map(([u, v]) => cos * u - sin * v + shift[0]))),
    Math.floor(Math.min(...corners.map(([u, v]) => sin * u + cos * v + shift[1]))),
  ];
}

/** The map between the two windows: coordinates from their own first pixels, so that float32 keeps its precision. */
export function localMap(
  { cos, sin, shift, valid }: Affine,
  [x, y]: readonly number[] = [0, 0],
  [sourceX, sourceY]: readonly number[] = [0, 0],
): Warp {
  return {
    xx: cos,
    xy: -sin,
    x0: cos * x - sin * y + shift[0] - sourceX,
    yx: sin,
    yy: cos,
    y0: sin * x + cos * y + shift[1] - sourceY,
    xLow: valid[0] - x,
    xHigh: valid[1] - x,
    yLow: valid[0] - y,
    yHigh: valid[1] - y,
  };
}

const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);

/** Tables that a recorded chain reads: placements i32 [steps,N,4] and, by kind, maps [steps,N,10]. */
export interface TransformTables {
  clock: Tensor;
  placements: Tensor;
  maps: Partial<Record<Stage['kind'], Tensor>>;
}

/** candidatesOf the maps of one kind, whatever is drawn; undefined where the usual number will do. */
export function candidatesFor(
  kind: Stage['kind'],
  { settings, size }: Pick<TransformPlan, 'settings' | 'size'>,
): number | undefined {
  const frame = paddedFrame(settings, size);
  if (kind === 'first' || kind === 'second') {
    // Moved by d n / (n - 1), two outputs see a pixel; the kernel finds them where the fraction is 0 or above the slack.
    const largest = Math.max(frame, ...settings.scales.map((scale) => scaledFrame(frame, scale).frame));
    return 1 / largest > 2 * SLACK ? 2 : undefined;
  }
  if (kind !== 'scale') return undefined;
  return Math.max(...settings.scales.map((scale) => candidatesOf(localMap(scaling(scale, frame)))));
}

/** Records the chain on the image's window [N,3,rows,rows]; returns the network's window, normalised if `normalized`. */
export function recordTransforms(
  tape: Tape,
  image: Tensor,
  plan: TransformPlan,
  tables: TransformTables,
  normalized = false,
): Tensor {
  const { clock, placements, maps } = tables;
  const [move, resample] = isPacked(image) ? [packedPad, packedWarp] : [pad, warp];
  const last = plan.stages.at(-1);
  const moved = plan.stages.reduce((x, stage) => {
    const { kind, rows } = stage;
    const size = [rows, rows] as const;
    if (kind === 'pad')
      return tape.apply(move, { x, placements, clock }, { frame: [plan.size, plan.size], size });
    return tape.apply(
      resample,
      { x, maps: maps[kind]!, clock },
      { size, candidates: candidatesFor(kind, plan), normalized: normalized && stage === last },
    );
  }, image);
  return normalized && !isPacked(moved) ? tape.apply(normalize, { x: moved }) : moved;
}
