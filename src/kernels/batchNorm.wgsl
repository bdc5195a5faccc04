// y  = gamma (x - mean) / sqrt(variance + EPS) + beta     per channel, with stored statistics (inference)
// dx = gamma dy / sqrt(variance + EPS)

override C : u32;
override PIXELS : u32;
override EPS : f32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C,pixels]
@group(0) @binding(1) var<storage, read> gamma : array<f32>;         // [C], as are beta, mean and variance
@group(0) @binding(2) var<storage, read> beta : array<f32>;
@group(0) @binding(3) var<storage, read> mean : array<f32>;
@group(0) @binding(4) var<storage, read> variance : array<f32>;
@group(0) @binding(5) var<storage, read_write> y : array<f32>;       // [N,C,pixels]
@group(0) @binding(6) var<storage, read> dy : array<f32>;
@group(0) @binding(7) var<storage, read_write> dx : array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * PIXELS) { return; }
  let c = id.x / PIXELS;
  let i = id.y * C * PIXELS + id.x;
  y[i] = gamma[c] * ((x[i] - mean[c]) / sqrt(variance[c] + EPS)) + beta[c];
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * PIXELS) { return; }
  let c = id.x / PIXELS;
  let i = id.y * C * PIXELS + id.x;
  var d = gamma[c] * dy[i] / sqrt(variance[c] + EPS);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
