// A convolution as a product of matrices, of which the right one is never stored (implicit GEMM):
//   y[m,n] = sum_k weights[k,m] patch[k,n]       m output, n position in some sample, k = (c,r,s): channel and tap
//   patch[k,n] = given[sample,c,h,v]              h = p*stride - top + r,  v = q*stride - left + s,  0 outside
// A workgroup makes TILE_M x TILE_N results. DEPTH rows of both matrices at a time go through workgroup memory; every
// invocation holds 4 x 4 sums in registers, or 8 x 4 if TALL. Where that makes too few workgroups, `split` of them
// share the sum over k: each writes its part to `result`, and `reduce` adds the parts in order.
// The gradient of x is the same product over dy; its outputs are sub-pixels (gemmConv.ts).

override TILE_M : i32;
override TILE_N : i32;
override TALL : bool;
override THREADS : i32;                     // TILE_M / (4 or 8) * TILE_N / 4, and a multiple of TILE_N
override UNROLL : bool;                     // compilers unroll a loop of constant length
override FILTER : i32;                      // rows and columns of the filter, or 0 for those in the table
const DEPTH = 16;
const ADDED = 1;                            // what `other` is to a result
const ADDED_RECTIFIED = 2;
const MASK = 3;
alias Stored = vec4f;                       // four weights; for halves gemmConv.ts has other words here and below

struct Shape {
  N : i32, C : i32, H : i32, W : i32, top : i32, left : i32, rectify : i32,                      // of what is read
  R : i32, S : i32, stride : i32,                                                               // of the filter
  P : i32, Q : i32, outputs : i32, split : i32,                                                 // of the product
  y_C : i32, y_H : i32, y_W : i32, biased : i32,                                                // of the result
  subpixels : i32, y_top : i32, y_left : i32, u : i32, v : i32,  // per row of a position: the stride, going back
  other_is : i32, other_H : i32, other_W : i32, other_top : i32, other_left : i32, accumulate : i32,
}
@group(0) @binding(0) var<storage, read> shape : Shape;
@group(0) @binding(1) var<storage, read> given : array<f32>;         // [N,C,H,W]
@group(0) @binding(2) var<storage, read> weights : array<Stored>;    // [C*R*S,outputs], rows filled up to whole vec4f
@group(0) @binding(3) var<storage, read> bias : array<f32>;          // [y_C]
@group(0) @binding(4) var<storage, read> other : array<f32>;         // [N,y_C,other_H,other_W]
@group(0) @binding(5) var<storage, read_write> result : array<f32>;  // [N,y_C,y_H,y_W], or parts
@group(0) @binding(6) var<storage, read> parts : array<f32>;         // [split,outputs,N*P*Q]
var<workgroup> tile_w : array<vec4f, DEPTH * TILE_M / 4>;
var<workgroup> tile_x : array<f32, DEPTH * TILE_N>;

struct Place { sample : i32, p : i32, q : i32 }

fn placeOf(n : i32) -> Place {
  return Place(n / (shape.P * shape.Q), n / shape.Q % shape.P, n % shape.Q);
}

@compute @workgroup_size(THREADS)
fn convolve(@builtin(workgroup_id) group : vec3u, @builtin(local_invocation_index) index : u32) {
  let t = i32(index);
  let across = (shape.outputs + TILE_M - 1) / TILE_M;
  let part = i32(group.y) / across;
  let first_m = i32(group.y) % across * TILE_M;
  let first_n = i32(group.x) * TILE_N;
  let R = select(FILTER, shape.R, FILTER == 0);          // division by a constant is cheap
  let S = select(FILTER, shape.S, FILTER == 0);
  let depth = shape.C * R * S;
  let part_depth = ((depth + DEPTH - 1) / DEPTH + shape.split - 1) / shape.split * DEPTH;
  let end = min(depth, (part + 1) * part_depth);

  // this invocation loads one column of the patches, and works on 4 columns and 4 or 8 rows of the tile
  let column = t % TILE_N;
  let positions = shape.N * shape.P * shape.Q;
  let exists = first_n + column < positions;
  let place = placeOf(first_n + column);
  let top = place.p * shape.stride - shape.top;
  let left = place.q * shape.stride - shape.left;
  let x = t % (TILE_N / 4);
  let w = t / (TILE_N / 4) * select(1, 2, TALL);
  let weight_columns = (shape.outputs + 3) / 4;
  var upper = mat4x4f();                    // upper[j][i]: output i, position j
  var lower = mat4x4f();
  for (var k = part * part_depth; k < end; k += DEPTH) {
    for (var i = t; i < DEPTH * TILE_M / 4; i += THREADS) {
      let row = k + i / (TILE_M / 4);
      let m = first_m / 4 + i % (TILE_M / 4);
      let inside = row < end && m < weight_columns;
      tile_w[i] = select(vec4f(), widened(weights[select(0, row * weight_columns + m, inside)]), inside);
    }
    for (var i = t / TILE_N; i < DEPTH; i += THREADS / TILE_N) {
      let term = k + i;
      let h = top + term / S % R;
      let v = left + term % S;
      let inside = exists && term < end && h >= 0 && h < shape.H && v >= 0 && v < shape.W;
      let plane = place.sample * shape.C + term / (R * S);
      let value = given[select(0, (plane * shape.H + h) * shape.W + v, inside)];
      // max() only where it is asked for: it turns NaN into a number
      tile_x[i * TILE_N + column] = select(0.0, select(value, max(value, 0.0), shape.rectify == 1), inside);
    }
    workgroupBarrier();
    for (var i = 0; i < select(min(DEPTH, end - k), DEPTH, UNROLL); i++) {
      let at = i * TILE_N + x;
      let values = vec4f(tile_x[at], tile_x[at + TILE_N / 4], tile_x[at + TILE_N / 2], tile_x[at + 3 * TILE_N / 4]);
      upper += outer(tile_w[i * (TILE_M / 4) + w], values);
      if (TALL) { lower += outer(tile_w[i * (TILE_M / 4) + w + 1], values); }
    }
    workgroupBarrier();
  }
  // rolled loops: the epilogue is long, and should be compiled once
  for (var j = 0; j < 4; j++) {
    let n = first_n + x + j * (TILE_N / 4);
    if (n >= positions) { break; }
    for (var i = 0; i < select(4, 8, TALL); i++) {
      let m = first_m + 4 * w + i;
      if (m >= shape.outputs) { break; }
      let value = select(columnOf(lower, j), columnOf(upper, j), i < 4)[i % 4];
      if (shape.split > 1) { result[(part * shape.outputs + m) * positions + n] = value; }
      else { finish(m, placeOf(n), value); }
    }
  }
}

fn widened(w : Stored) -> vec4f { return w; }
fn outer(w : vec4f, x : vec4f) -> mat4x4f { return mat4x4f(w * x.x, w * x.y, w * x.z, w * x.w); }

fn columnOf(a : mat4x4f, j : i32) -> vec4f {
  return select(select(a[0], a[1], j == 1), select(a[2], a[3], j == 3), j > 1);
}

@compute @workgroup_size(64)
fn reduce(@builtin(global_invocation_id) id : vec3u) {
  let positions = shape.N * shape.P * shape.Q;
  let i = i32(id.x);
  if (i >= shape.outputs * positions) { return; }
  var sum = 0.0;
  for (var part = 0; part < shape.split; part++) { sum += parts[part * shape.outputs * positions + i]; }
  finish(i / positions, placeOf(i % positions), sum);
}

/** Everything around the product, and where its results go. */
fn finish(m : i32, place : Place, value : f32) {
  var c = m;
  var h = place.p;
  var v = place.q;
  if (shape.subpixels > 1) {
    c = m % shape.y_C;
    h = (place.p + shape.u) * shape.subpixels + m / shape.y_C / shape.subpixels - shape.y_top;
    v = (place.q + shape.v) * shape.subpixels + m / shape.y_C % shape.subpixels - shape.y_left;
    if (h < 0 || h >= shape.y_H || v < 0 || v >= shape.y_W) { return; }
  }
  let plane = place.sample * shape.y_C + c;
  let i = (plane * shape.y_H + h) * shape.y_W + v;
  var sum = value;
  if (shape.biased == 1) { sum += bias[c]; }
  if (shape.other_is > 0) {
    let there = other[(plane * shape.other_H + h + shape.other_top) * shape.other_W + v + shape.other_left];
    if (shape.other_is == ADDED) { sum += there; }
    if (shape.other_is == ADDED_RECTIFIED) { sum += max(there, 0.0); }
    if (shape.other_is == MASK) { sum = select(0.0, sum, there > 0.0); }
  }
  if (shape.accumulate == 1) { sum += result[i]; }
  result[i] = sum;
}
