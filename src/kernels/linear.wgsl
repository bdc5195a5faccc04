// y[n,k]  = sum_c w[k,c] x[n,c] + b[k]
// dx[n,c] = sum_k w[k,c] dy[n,k]
// dw[k,c] = sum_n dy[n,k] x[n,c]          db[k] = sum_n dy[n,k]

override C : u32;
override K : u32;
override N : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C]
@group(0) @binding(1) var<storage, read> w : array<f32>;             // [K,C]
@group(0) @binding(2) var<storage, read> b : array<f32>;             // [K]
@group(0) @binding(3) var<storage, read_write> y : array<f32>;       // [N,K]
@group(0) @binding(4) var<storage, read> dy : array<f32>;            // [N,K]
@group(0) @binding(5) var<storage, read_write> dx : array<f32>;      // [N,C]
@group(0) @binding(6) var<storage, read_write> dw : array<f32>;      // [K,C]
@group(0) @binding(7) var<storage, read_write> db : array<f32>;      // [K]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= K) { return; }
  var sum = b[id.x];
  for (var c = 0u; c < C; c++) { sum += w[id.x * C + c] * x[id.y * C + c]; }
  y[id.y * K + id.x] = sum;
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C) { return; }
  var sum = 0.0;
  for (var k = 0u; k < K; k++) { sum += w[k * C + id.x] * dy[id.y * K + k]; }
  let i = id.y * C + id.x;
  if (ACCUMULATE) { sum += dx[i]; }
  dx[i] = sum;
}

@compute @workgroup_size(64)
fn backward_w(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C) { return; }
  var sum = 0.0;
  for (var n = 0u; n < N; n++) { sum += dy[n * K + id.y] * x[n * C + id.x]; }
  let i = id.y * C + id.x;
  if (ACCUMULATE) { sum += dw[i]; }
  dw[i] = sum;
}

@compute @workgroup_size(64)
fn backward_b(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= K) { return; }
  var sum = 0.0;
  for (var n = 0u; n < N; n++) { sum += dy[n * K + id.x]; }
  if (ACCUMULATE) { sum += db[id.x]; }
  db[id.x] = sum;
}
