// Writes the WGSL of the inverse DFT for adapters that run a subgroup as one SIMD vector (see simdConvolution.ts for
// why): lanes own columns, a subgroup computes a tile of rows, and what all lanes need alike is loaded by the lanes
// in turn and broadcast. The equations are those of spectrumColumns.wgsl and spectrumRows.wgsl, with two savings:
//
//   frequencies fy and H - fy have conjugate angles, so a pair (A, B) shares its products:
//       z     += (A + B) cos + i (A - B) sin
//       dp(fy) = scale (C - i S),  dp(H-fy) = scale (C + i S)      C = sum_y dz cos,  S = sum_y dz sin
//   sums over frequencies run from high to low, from small terms to large, and sums over rows in blocks of 16,
//   which keeps the rounding of float32 below 1e-5 of the result

import type { SimdText } from './simdPass.ts';

const range = (count: number): number[] => [...Array(count).keys()];
const lines = (count: number, line: (i: number) => string): string => range(count).map(line).join(' ');

/** Terms that are summed by themselves before they join the rest. */
const BLOCK = 16;

/** Rows of a tile: as few tiles as sums of at most `most` allow, all about the same size. */
function tileOf(rows: number, most: number): { tile: number; tiles: number } {
  const tiles = Math.ceil(rows / most);
  return { tile: Math.ceil(rows / tiles), tiles };
}

const DECLARATIONS: Record<string, string> = {
  p: 'var<storage, read> p : array<vec2f>',
  z: 'var<storage, read> z : array<vec2f>',
  scale: 'var<storage, read> scale : array<f32>',
  turns: 'var<storage, read> turns : array<vec2f>',
  origins: 'var<storage, read> origins : array<vec2u>',
  clock: 'var<storage, read> clock : array<u32>',
};

/** `declared` maps further names to their WGSL. */
function module(
  lanes: number,
  entryPoint: string,
  names: readonly string[],
  declared: Record<string, string>,
  body: string,
): string {
  const bindings = names.map(
    (name, i) => `@group(0) @binding(${i}) ${DECLARATIONS[name] ?? declared[name]};`,
  );
  return `enable subgroups;
override ACCUMULATE : bool = false;
${bindings.join('\n')}
@compute @workgroup_size(${lanes})
fn ${entryPoint}(
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(subgroup_invocation_id) lane : u32,
) {
  let n = group.y;
  let origin = origins[clock[0] * groups.y + n];
${body}
}
`;
}

export interface ColumnsShape {
  lanes: number;
  C: number;
  H: number;
  F: number;
  ROWS: number;
}

/** z of a tile of rows; a lane owns (channel, fx). */
export function columnsForward({ lanes, C, H, F, ROWS }: ColumnsShape): SimdText {
  const { tile, tiles } = tileOf(ROWS, 16);
  const loads = range(Math.ceil(tile / lanes));
  const groups = Math.ceil((C * F) / lanes);
  const pairs = Math.floor((H - 1) / 2);
  const turnOf = (i: number) => `turn${Math.floor(i / lanes)}`;
  const body = `  let j = min(group.x % ${groups} * ${lanes} + lane, ${C * F - 1}u);
  let fx = j % ${F};
  let plane = (n * ${C} + j / ${F}) * ${H * F} + fx;
  let first = group.x / ${groups} * ${tile};
  // lane l of load g holds the angle of row first + g * lanes + l
${loads.map((g) => `  let row${g} = (origin.x + first + ${g * lanes} + lane) % ${H}; var k${g} = ${pairs} * row${g} % ${H};`).join('\n')}
  ${lines(tile, (i) => `var re${i} = 0.0; var im${i} = 0.0;`)}
${H % 2 === 0 ? nyquist() : ''}
  for (var fy = ${pairs}u; fy > 0; fy--) {
    let s = scale[fy * ${F} + fx];
    let a = s * p[plane + fy * ${F}];
    let b = s * p[plane + (${H} - fy) * ${F}];
    let sum = a + b;
    let difference = a - b;
    ${loads.map((g) => `let turn${g} = turns[k${g}]; k${g} = select(k${g} + ${H} - row${g}, k${g} - row${g}, k${g} >= row${g});`).join(' ')}
    ${range(tile)
      .map(
        (i) =>
          `{ let c = subgroupBroadcast(${turnOf(i)}.x, ${i % lanes}u); let s = subgroupBroadcast(${turnOf(i)}.y, ${i % lanes}u); re${i} += sum.x * c - difference.y * s; im${i} += sum.y * c + difference.x * s; }`,
      )
      .join('\n    ')}
  }
  let mean = scale[fx] * p[plane];
  if (group.x % ${groups} * ${lanes} + lane >= ${C * F}) { return; }
  let o = (n * ${C} + j / ${F}) * ${ROWS * F} + fx;
${range(tile)
  .map(
    (i) => `  if (first + ${i} < ${ROWS}) { y[o + (first + ${i}) * ${F}] = vec2f(re${i}, im${i}) + mean; }`,
  )
  .join('\n')}`;
  function nyquist(): string {
    return `  let high = scale[${H / 2} * ${F} + fx] * p[plane + ${(H / 2) * F}];
  ${lines(tile, (i) => `{ let c = select(-1.0, 1.0, (origin.x + first + ${i}) % 2 == 0); re${i} = high.x * c; im${i} = high.y * c; }`)}`;
  }
  const names = ['p', 'scale', 'turns', 'origins', 'clock', 'y'];
  const declared = { y: 'var<storage, read_write> y : array<vec2f>' };
  return { source: module(lanes, 'forward', names, declared, body), workgroups: groups * tiles };
}

/** dp of a tile of frequency pairs; a lane owns (channel, fx). */
export function columnsBackward({ lanes, C, H, F, ROWS }: ColumnsShape): SimdText {
  const { tile, tiles } = tileOf(Math.floor(H / 2) + 1, 8);
  const loads = range(Math.ceil(tile / lanes));
  const groups = Math.ceil((C * F) / lanes);
  const turnOf = (i: number) => `turn${Math.floor(i / lanes)}`;
  const body = `  let j = min(group.x % ${groups} * ${lanes} + lane, ${C * F - 1}u);
  let fx = j % ${F};
  let plane = (n * ${C} + j / ${F}) * ${ROWS * F} + fx;
  let first = group.x / ${groups} * ${tile};
  // lane l of load g holds the angle of frequency first + g * lanes + l
${loads.map((g) => `  let fy${g} = (first + ${g * lanes} + lane) % ${H}; var k${g} = fy${g} * origin.x % ${H};`).join('\n')}
  ${lines(tile, (i) => `var c${i} = vec2f(); var s${i} = vec2f();`)}
  for (var block = 0u; block < ${ROWS}; block += ${BLOCK}) {
    ${lines(tile, (i) => `var pc${i} = vec2f(); var ps${i} = vec2f();`)}
    for (var row = block; row < min(block + ${BLOCK}, ${ROWS}); row++) {
      let d = dy[plane + row * ${F}];
      ${loads.map((g) => `let turn${g} = turns[k${g}]; k${g} += fy${g}; if (k${g} >= ${H}) { k${g} -= ${H}; }`).join(' ')}
      ${range(tile)
        .map(
          (i) =>
            `pc${i} += d * subgroupBroadcast(${turnOf(i)}.x, ${i % lanes}u); ps${i} += d * subgroupBroadcast(${turnOf(i)}.y, ${i % lanes}u);`,
        )
        .join('\n      ')}
    }
    ${lines(tile, (i) => `c${i} += pc${i}; s${i} += ps${i};`)}
  }
  if (group.x % ${groups} * ${lanes} + lane >= ${C * F}) { return; }
  let o = (n * ${C} + j / ${F}) * ${H * F} + fx;
${range(tile)
  .map((i) => `  store(o, fx, first + ${i}, c${i}, s${i});`)
  .join('\n')}`;
  const store = `
fn store(o : u32, fx : u32, fy : u32, c : vec2f, s : vec2f) {
  if (2 * fy > ${H}) { return; }
  put(o + fy * ${F}, scale[fy * ${F} + fx] * vec2f(c.x + s.y, c.y - s.x));
  if (fy > 0 && 2 * fy < ${H}) { put(o + (${H} - fy) * ${F}, scale[fy * ${F} + fx] * vec2f(c.x - s.y, c.y + s.x)); }
}
fn put(i : u32, value : vec2f) {
  var d = value;
  if (ACCUMULATE) { d += dp[i]; }
  dp[i] = d;
}
`;
  const names = ['scale', 'turns', 'origins', 'clock', 'dy', 'dp'];
  const declared = {
    dy: 'var<storage, read> dy : array<vec2f>',
    dp: 'var<storage, read_write> dp : array<vec2f>',
  };
  return { source: module(lanes, 'backward_p', names, declared, body) + store, workgroups: groups * tiles };
}

export interface RowsShape {
  lanes: number;
  C: number;
  W: number;
  F: number;
  ROWS: number;
  COLUMNS: number;
  NORM: number;
}

const weightOf = ({ W, NORM }: RowsShape): string => `
fn weight(fx : u32) -> f32 {
  return select(${2 * NORM}, ${NORM}, fx == 0 || 2 * fx == ${W});
}
`;

/** The real image of a tile of rows; a lane owns a column. */
export function rowsForward(shape: RowsShape): SimdText {
  const { lanes, C, W, F, ROWS, COLUMNS } = shape;
  const { tile, tiles } = tileOf(C * ROWS, 16);
  const loads = range(Math.ceil(tile / lanes));
  const groups = Math.ceil(COLUMNS / lanes);
  const body = `  let x = group.x % ${groups} * ${lanes} + lane;
  let first = group.x / ${groups} * ${tile};
  let column = (origin.y + x) % ${W};
  // lane l of load g holds the value of row first + g * lanes + l
${loads.map((g) => `  let z${g} = (n * ${C * ROWS} + min(first + ${g * lanes} + lane, ${C * ROWS - 1}u)) * ${F};`).join('\n')}
  ${lines(tile, (i) => `var y${i} = 0.0;`)}
  var k = ${Math.floor(W / 2)} * column % ${W};
  for (var i = 0u; i <= ${Math.floor(W / 2)}; i++) {
    let fx = ${Math.floor(W / 2)} - i;
    let turn = weight(fx) * turns[k];
    k = select(k + ${W} - column, k - column, k >= column);
    ${loads.map((g) => `let v${g} = z[z${g} + fx];`).join(' ')}
    ${range(tile)
      .map(
        (i) =>
          `y${i} += subgroupBroadcast(v${Math.floor(i / lanes)}.x, ${i % lanes}u) * turn.x - subgroupBroadcast(v${Math.floor(i / lanes)}.y, ${i % lanes}u) * turn.y;`,
      )
      .join('\n    ')}
  }
  if (x >= ${COLUMNS}) { return; }
${range(tile)
  .map(
    (i) =>
      `  if (first + ${i} < ${C * ROWS}) { y[(n * ${C * ROWS} + first + ${i}) * ${COLUMNS} + x] = y${i}; }`,
  )
  .join('\n')}`;
  const names = ['z', 'turns', 'origins', 'clock', 'y'];
  const declared = { y: 'var<storage, read_write> y : array<f32>' };
  return {
    source: module(lanes, 'forward', names, declared, body) + weightOf(shape),
    workgroups: groups * tiles,
  };
}

/** dz of a tile of rows; a lane owns a frequency. */
export function rowsBackward(shape: RowsShape): SimdText {
  const { lanes, C, W, F, ROWS, COLUMNS } = shape;
  const { tile, tiles } = tileOf(C * ROWS, 8);
  const loads = range(Math.ceil(tile / lanes));
  const groups = Math.ceil(F / lanes);
  const body = `  let fx = group.x % ${groups} * ${lanes} + lane;
  let first = group.x / ${groups} * ${tile};
  let step = fx % ${W};
${loads.map((g) => `  let row${g} = (n * ${C * ROWS} + min(first + ${g * lanes} + lane, ${C * ROWS - 1}u)) * ${COLUMNS};`).join('\n')}
  ${lines(tile, (i) => `var z${i} = vec2f();`)}
  var k = step * origin.y % ${W};
  for (var x = 0u; x < ${COLUMNS}; x++) {
    let turn = turns[k] * vec2f(1, -1);
    k += step;
    if (k >= ${W}) { k -= ${W}; }
    ${loads.map((g) => `let d${g} = dy[row${g} + x];`).join(' ')}
    ${range(tile)
      .map((i) => `z${i} += subgroupBroadcast(d${Math.floor(i / lanes)}, ${i % lanes}u) * turn;`)
      .join('\n    ')}
  }
  if (fx >= ${F}) { return; }
  let factor = select(0.0, weight(fx), 2 * fx <= ${W});
${range(tile)
  .map(
    (i) =>
      `  if (first + ${i} < ${C * ROWS}) { put((n * ${C * ROWS} + first + ${i}) * ${F} + fx, factor * z${i}); }`,
  )
  .join('\n')}`;
  const put = `
fn put(i : u32, value : vec2f) {
  var d = value;
  if (ACCUMULATE) { d += dz[i]; }
  dz[i] = d;
}
`;
  const names = ['turns', 'origins', 'clock', 'dy', 'dz'];
  const declared = {
    dy: 'var<storage, read> dy : array<f32>',
    dz: 'var<storage, read_write> dz : array<vec2f>',
  };
  return {
    source: module(lanes, 'backward_z', names, declared, body) + weightOf(shape) + put,
    workgroups: groups * tiles,
  };
}
