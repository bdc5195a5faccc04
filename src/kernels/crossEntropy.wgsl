// y[n]    = logSum[n] - x[n, labels[n]]     logSum[n] = log sum_k exp x[n,k]     softmax cross-entropy, per sample
// dx[n,k] = dy[n] (exp(x[n,k] - logSum[n]) - [k = labels[n]])
// The largest logit is taken out before exp, so nothing overflows.

override N : u32;
override K : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,K]
@group(0) @binding(1) var<storage, read> labels : array<u32>;        // [N]
@group(0) @binding(2) var<storage, read_write> y : array<f32>;       // [N]
@group(0) @binding(3) var<storage, read_write> logSum : array<f32>;  // [N]
@group(0) @binding(4) var<storage, read> dy : array<f32>;            // [N]
@group(0) @binding(5) var<storage, read_write> dx : array<f32>;      // [N,K]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let n = id.x;
  if (n >= N) { return; }
  var largest = x[n * K];
  for (var k = 1u; k < K; k++) { largest = max(largest, x[n * K + k]); }
  var sum = 0.0;
  for (var k = 0u; k < K; k++) { sum += exp(x[n * K + k] - largest); }
  logSum[n] = largest + log(sum);
  y[n] = largest - x[n * K + labels[n]] + log(sum);
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= K) { return; }
  let i = id.y * K + id.x;
  let wanted = select(0.0, 1.0, id.x == labels[id.y]);
  var d = dy[id.y] * (exp(x[i] - logSum[id.y]) - wanted);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
