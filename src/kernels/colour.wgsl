// y[o]  = sigmoid(sum_i COLOUR[o][i] x[i])        per pixel: Lucid's colour correlation, then (0,1)
// dx[i] = sum_o COLOUR[o][i] dy[o] y[o] (1 - y[o])

// rows o of the square root of natural images' colour covariance, over its largest column norm
const COLOUR = array<vec3f, 3>(
  vec3f(0.26, 0.09, 0.02) / 0.4619524,
  vec3f(0.27, 0.00, -0.05) / 0.4619524,
  vec3f(0.27, -0.09, 0.03) / 0.4619524,
);

override PIXELS : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,3,pixels]
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@group(0) @binding(2) var<storage, read> dy : array<f32>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= PIXELS) { return; }
  let i = id.y * 3 * PIXELS + id.x;
  let t = vec3f(x[i], x[i + PIXELS], x[i + 2 * PIXELS]);
  y[i] = 1 / (1 + exp(-dot(COLOUR[0], t)));
  y[i + PIXELS] = 1 / (1 + exp(-dot(COLOUR[1], t)));
  y[i + 2 * PIXELS] = 1 / (1 + exp(-dot(COLOUR[2], t)));
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= PIXELS) { return; }
  let i = id.y * 3 * PIXELS + id.x;
  let rgb = vec3f(y[i], y[i + PIXELS], y[i + 2 * PIXELS]);
  let dt = vec3f(dy[i], dy[i + PIXELS], dy[i + 2 * PIXELS]) * rgb * (1 - rgb);
  var d = dt.x * COLOUR[0] + dt.y * COLOUR[1] + dt.z * COLOUR[2];
  if (ACCUMULATE) { d += vec3f(dx[i], dx[i + PIXELS], dx[i + 2 * PIXELS]); }
  dx[i] = d.x;
  dx[i + PIXELS] = d.y;
  dx[i + 2 * PIXELS] = d.z;
}
