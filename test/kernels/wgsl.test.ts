// What every kernel promises, read from the text of the .wgsl files and from the descriptors beside them.

import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { add } from '../../src/kernels/add.ts';
import { batchNorm } from '../../src/kernels/batchNorm.ts';
import { batchNormTraining } from '../../src/kernels/batchNormTraining.ts';
import { colour, packedColour } from '../../src/kernels/colour.ts';
import { conv2d } from '../../src/kernels/conv2d.ts';
import { crossEntropy } from '../../src/kernels/crossEntropy.ts';
import { gemmConv } from '../../src/kernels/gemmConv.ts';
import { chooseTiling } from '../../src/kernels/gemmTiling.ts';
import { globalAveragePool } from '../../src/kernels/globalAveragePool.ts';
import { linear } from '../../src/kernels/linear.ts';
import { maxPool, packedMaxPool } from '../../src/kernels/maxPool.ts';
import { normalize } from '../../src/kernels/normalize.ts';
import { objective } from '../../src/kernels/objective.ts';
import { type Pass, type Recipe, WORKGROUP_SIZE } from '../../src/kernels/op.ts';
import { pack, unpack } from '../../src/kernels/pack.ts';
import { packedPad, pad } from '../../src/kernels/pad.ts';
import { relu } from '../../src/kernels/relu.ts';
import { spectrumColumns } from '../../src/kernels/spectrumColumns.ts';
import { spectrumRows } from '../../src/kernels/spectrumRows.ts';
import { convTable } from '../../src/kernels/trainedConv.ts';
import { adam, advance, runningStatistics, sgd, trace } from '../../src/kernels/update.ts';
import { packedWarp, warp } from '../../src/kernels/warp.ts';

const folder = fileURLToPath(new URL('../../src/kernels/', import.meta.url));
const files = readdirSync(folder).filter((name) => name.endsWith('.wgsl'));
const text = (file: string) => readFileSync(folder + file, 'utf8');
const code = (source: string) => source.replaceAll(/\/\/.*/g, '');

interface Kernel {
  source: string;
  constants: Record<string, number>;
  passes: Pass[];
}

const x = [2, 3, 6, 5];
const packed = [2, 1, 6, 20];
const square = [0, 0, 0, 0] as const;
/** A pass and those that follow it. The last has the name that the op gives it. */
const chain = (pass: Pass): Pass[] => [pass, ...(pass.next ? chain(pass.next) : [])];
const op = ({ name, source }: { name: string; source: string }, recipe: Recipe): [string, Kernel] => [
  name,
  {
    source,
    constants: Object.assign(
      { ...recipe.constants, ACCUMULATE: 0 },
      ...Object.values(recipe.backward).map(({ constants }) => constants),
    ),
    passes: [recipe.forward, ...Object.values(recipe.backward)].flatMap(chain),
  },
];
const clock = [1];
const spectrum = { turns: [6, 2], origins: [1, 2, 2], clock };

const gemm = gemmConv.recipe(
  { x: [2, 64, 3, 3], w: [576, 64], v: [576, 64], bias: [64] },
  {
    filter: [64, 3, 3],
    stride: 1,
    pad: [1, 1, 1, 1],
    rectify: true,
    tiling: (product) => chooseTiling(product, 256),
  },
);

const tables = (['straight', 'turned'] as const).map((direction) =>
  convTable.recipe({ w: [4, 3, 3, 3] }, { stride: 1, direction }),
);

const kernels = new Map<string, Kernel>([
  [
    gemmConv.name,
    { source: gemmConv.source, constants: gemm.constants, passes: [gemm.forward, gemm.forward.next!] },
  ],
  op(add, add.recipe({ a: x, b: x }, { offset: [0, 0] })),
  op(batchNorm, batchNorm.recipe({ x, gamma: [3], beta: [3], mean: [3], variance: [3] }, { eps: 1e-5 })),
  op(batchNormTraining, batchNormTraining.recipe({ x, gamma: [3], beta: [3] }, { eps: 1e-5 })),
  [
    convTable.name,
    {
      source: convTable.source,
      constants: tables[0].constants,
      passes: tables.map(({ forward }) => forward),
    },
  ],
  op(crossEntropy, crossEntropy.recipe({ x: [2, 3], labels: [2] }, {})),
  op(colour, colour.recipe({ x }, {})),
  op(conv2d, conv2d.recipe({ x, w: [4, 3, 3, 3] }, { stride: 1, pad: square })),
  op(globalAveragePool, globalAveragePool.recipe({ x }, {})),
  op(linear, linear.recipe({ x: [2, 3], w: [4, 3], b: [4] }, {})),
  op(maxPool, maxPool.recipe({ x }, { size: 2, stride: 2, pad: square })),
  op(normalize, normalize.recipe({ x }, {})),
  op(objective, objective.recipe({ x, channels: [2] }, { region: [0, 0, 1, 1] })),
  op(pack, pack.recipe({ x }, {})),
  op(unpack, unpack.recipe({ x: packed }, { channels: 3 })),
  op(packedColour, packedColour.recipe({ x }, {})),
  op(packedMaxPool, packedMaxPool.recipe({ x: packed }, { size: 2, stride: 2, pad: square })),
  op(
    packedPad,
    packedPad.recipe({ x: packed, placements: [1, 2, 4], clock }, { frame: [6, 5], size: [8, 8] }),
  ),
  op(packedWarp, packedWarp.recipe({ x: packed, maps: [1, 2, 10], clock }, { size: [6, 5] })),
  op(pad, pad.recipe({ x, placements: [1, 2, 4], clock }, { frame: [6, 5], size: [8, 8] })),
  op(relu, relu.recipe({ x }, {})),
  op(
    spectrumColumns,
    spectrumColumns.recipe({ p: [2, 3, 6, 4, 2], scale: [6, 4], ...spectrum }, { rows: 6 }),
  ),
  op(spectrumRows, spectrumRows.recipe({ z: [2, 3, 6, 4, 2], ...spectrum }, { frame: [6, 6], columns: 6 })),
  op(warp, warp.recipe({ x, maps: [1, 2, 10], clock }, { size: [6, 5] })),
  ...[
    adam(x),
    sgd(x, { momentum: 0.9, decay: 1e-4 }),
    runningStatistics(3, 60, 0.1),
    trace(x),
    advance(),
  ].map(
    ({ name, source, constants, pass }) => [name, { source, constants, passes: [pass] }] as [string, Kernel],
  ),
]);

/** The text of an entry point, and of the functions it may call. */
function bodyOf(source: string, entryPoint: string): string {
  const joined = code(source).replaceAll(/@compute @workgroup_size\(\w+\)\s*fn/g, '@compute fn');
  const functions = joined.split(/^(?=@compute|fn )/m).slice(1);
  return functions
    .filter((part) => !part.startsWith('@compute') || part.includes(`fn ${entryPoint}(`))
    .join('');
}

describe.each(files)('%s', (file) => {
  const source = text(file);
  const entryPoints = [...code(source).matchAll(/@workgroup_size\((\w+)\)\s*fn (\w+)\(/g)];
  const names = entryPoints.map(([, , name]) => name);

  test('belongs to a descriptor, which passes it on as it stands', () => {
    expect([...kernels.values()].some((kernel) => kernel.source === source)).toBe(true);
  });

  // a tiled product with all that is fused into it takes more lines, and a convolution has three directions
  const most = { 'gemmConv.wgsl': 150, 'conv2d.wgsl': 130, 'packedWarp.wgsl': 130 }[file] ?? 120;
  test(`is at most ${most} lines and starts with what it computes`, () => {
    expect(source.trimEnd().split('\n').length).toBeLessThanOrEqual(most);
    expect(source).toMatch(/^\/\/ \S/);
  });

  test('has no entry point but of the workgroup size, except a single invocation and one that is tiled', () => {
    expect(entryPoints.length).toBeGreaterThan(0);
    const other: Record<string, string> = { advance: '1', convolve: 'THREADS' };
    for (const [, size, name] of entryPoints)
      expect([name, size]).toEqual([name, other[name] ?? `${WORKGROUP_SIZE}`]);
  });

  test('has forward and backward together, and then ACCUMULATE, off unless asked for', () => {
    const backward = names.filter((name) => name.startsWith('backward_'));
    expect(names.includes('forward')).toBe(backward.length > 0);
    expect(/^override ACCUMULATE : bool = false;$/m.test(source)).toBe(backward.length > 0);
    for (const name of backward) {
      expect(bodyOf(source, name), name).toMatch(/if \(ACCUMULATE\) \{ \w+ \+= /);
      expect(source, `${name} writes its gradient`).toContain(
        `read_write> d${name.slice('backward_'.length)} `,
      );
    }
  });

  test('numbers its bindings from 0 without gaps', () => {
    const numbers = [...source.matchAll(/@binding\((\d+)\)/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_, i) => i));
  });
});

describe.each([...kernels])('%s', (_, { source, constants, passes }) => {
  const declared = [...source.matchAll(/@binding\(\d+\) var(?:<storage,\s*\w+>)?\s*(\w+)/g)].map(
    ([, name]) => name,
  );
  const overrides = [...source.matchAll(/^override (\w+)/gm)].map(([, name]) => name);

  test('names entry points of the file, all of those of an op', () => {
    for (const { entryPoint } of passes) expect(source).toMatch(new RegExp(`fn ${entryPoint}\\(`));
    const backward = [...source.matchAll(/fn (backward_\w+)\(/g)].map(([, name]) => name);
    const last = passes.filter(({ next }) => !next).map(({ entryPoint }) => entryPoint);
    if (backward.length > 0) expect(last).toEqual(['forward', ...backward]);
  });

  test('binds exactly the variables that the entry point reads or writes', () => {
    for (const { entryPoint, bindings } of passes) {
      const body = bodyOf(source, entryPoint);
      // pad and warp read x in a function that only forward calls
      // and `shape` is bound by the tape, but to a pass that is another's next
      const used = declared.filter((name) =>
        new RegExp(`(?<![.\\w])${name}(\\[|\\.\\w)|textureLoad\\(${name},`).test(body),
      );
      expect(declared, entryPoint).toEqual(expect.arrayContaining([...bindings]));
      for (const name of bindings) expect(used, `${entryPoint} uses ${name}`).toContain(name);
      for (const name of used)
        if (name !== 'x' && name !== 'shape') expect(bindings, `${entryPoint} binds ${name}`).toContain(name);
    }
  });

  test('sets the constants that the file declares', () => {
    for (const name of Object.keys(constants)) {
      if (name !== 'ACCUMULATE' || passes.length > 1) expect(overrides, name).toContain(name);
    }
    // trace and advance share a file; advance uses none of its constants
    if (passes[0].entryPoint !== 'advance')
      expect(Object.keys(constants)).toEqual(expect.arrayContaining(overrides));
    for (const value of Object.values(constants)) expect(Number.isFinite(value)).toBe(true);
  });

  test('covers every element with invocations', () => {
    for (const { invocations, flops } of passes) {
      for (const count of invocations) expect(Number.isInteger(count) && count > 0).toBe(true);
      expect(flops).toBeGreaterThan(0);
    }
  });
});
