// Two ops that only tests use, for tensors of any shape. weightedSum joins two applications of an op so that its
// gradient gets two different contributions; square makes graphs whose gradients are whole numbers.

import { elements, type Op, perElement, perSample } from '../../src/kernels/op.ts';

/** y = a + 2 b: twice the gradient reaches b. Its pipelines suit any size, so they are made once. */
export const weightedSum: Op = {
  name: 'weightedSum',
  source: `
override ACCUMULATE : bool = false;
@group(0) @binding(0) var<storage, read> a : array<f32>;
@group(0) @binding(1) var<storage, read> b : array<f32>;
@group(0) @binding(2) var<storage, read_write> y : array<f32>;
@group(0) @binding(3) var<storage, read> dy : array<f32>;
@group(0) @binding(4) var<storage, read_write> da : array<f32>;
@group(0) @binding(5) var<storage, read_write> db : array<f32>;
@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let i = id.x;
  if (i < arrayLength(&y)) { y[i] = a[i] + 2 * b[i]; }
}
@compute @workgroup_size(64)
fn backward_a(@builtin(global_invocation_id) id : vec3u) {
  let i = id.x;
  if (i < arrayLength(&dy)) { da[i] = select(0, da[i], ACCUMULATE) + dy[i]; }
}
@compute @workgroup_size(64)
fn backward_b(@builtin(global_invocation_id) id : vec3u) {
  let i = id.x;
  if (i < arrayLength(&dy)) { db[i] = select(0, db[i], ACCUMULATE) + 2 * dy[i]; }
}
`,
  recipe({ a }) {
    const common = { invocations: [elements(a), 1] as const, flops: 2 * elements(a) };
    return {
      outputs: { y: { shape: a } },
      constants: {},
      forward: { entryPoint: 'forward', bindings: ['a', 'b', 'y'], ...common },
      backward: {
        a: { entryPoint: 'backward_a', bindings: ['dy', 'da'], ...common },
        b: { entryPoint: 'backward_b', bindings: ['dy', 'db'], ...common },
      },
    };
  },
};

/** y = x^2. */
export const square: Op = {
  name: 'square',
  source: `
override SIZE : u32;
override ACCUMULATE : bool = false;
@group(0) @binding(0) var<storage, read> x : array<f32>;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@group(0) @binding(2) var<storage, read> dy : array<f32>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;
@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let i = id.y * SIZE + id.x;
  if (id.x < SIZE) { y[i] = x[i] * x[i]; }
}
@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let i = id.y * SIZE + id.x;
  if (id.x < SIZE) { dx[i] = select(0, dx[i], ACCUMULATE) + 2 * x[i] * dy[i]; }
}
`,
  recipe({ x }) {
    const common = { invocations: perElement(x), flops: elements(x) };
    return {
      outputs: { y: { shape: x } },
      constants: { SIZE: perSample(x) },
      forward: { entryPoint: 'forward', bindings: ['x', 'y'], ...common },
      backward: { x: { entryPoint: 'backward_x', bindings: ['x', 'dy', 'dx'], ...common } },
    };
  },
};
