// The weights w [K,C,R,S] of a convolution as the tables of texels that fusedConv.ts describes, made on the GPU because
// training changes them every step. One invocation owns one float of a table; texels are filled up with zeros.
//
// straight  y [C/4, R*S, 4 PLANES, 4]                 channels 4c..4c+3 of tap t, by output k
// turned    y [K/4, R'*S', STRIDE^2 4 PLANES, 4]      outputs 4k..4k+3 of tap t, by phase and channel: R' = ceil(R/STRIDE)

override K : i32;
override C : i32;
override R : i32;
override S : i32;
override STRIDE : i32;
override PLANES : i32;               // texels of what a row of the table is for: of K going forward, of C going back
override SIZE : i32;

@group(0) @binding(0) var<storage, read> w : array<f32>;             // [K,C,R,S]
@group(0) @binding(1) var<storage, read_write> y : array<f32>;

fn weight(k : i32, c : i32, r : i32, s : i32) -> f32 {
  let there = k < K && c < C && r < R && s < S;
  return select(0.0, w[select(0, ((k * C + c) * R + r) * S + s, there)], there);
}

@compute @workgroup_size(64)
fn straight(@builtin(global_invocation_id) id : vec3u) {
  let i = i32(id.x);
  if (i >= SIZE) { return; }
  let k = i / 4 % (4 * PLANES);
  let tap = i / (16 * PLANES);
  let c = 4 * (tap / (R * S)) + i % 4;
  y[i] = weight(k, c, tap / S % R, tap % S);
}

@compute @workgroup_size(64)
fn turned(@builtin(global_invocation_id) id : vec3u) {
  let i = i32(id.x);
  if (i >= SIZE) { return; }
  let rows = (R + STRIDE - 1) / STRIDE;
  let columns = (S + STRIDE - 1) / STRIDE;
  let c = i / 4 % (4 * PLANES);
  let phase = i / (16 * PLANES) % (STRIDE * STRIDE);
  let tap = i / (16 * PLANES * STRIDE * STRIDE);
  let k = 4 * (tap / (rows * columns)) + i % 4;
  let r = phase / STRIDE + STRIDE * (rows - 1 - tap / columns % rows);
  let s = phase % STRIDE + STRIDE * (columns - 1 - tap % columns);
  y[i] = weight(k, c, r, s);
}
