// m = BETA1 m + GAIN1 g            v = BETA2 v + GAIN2 g^2            GAIN = 1 - BETA
// p = p + rate m / (sqrt(v) * root + EPS)         ascent
// rates[step] = (rate, root) = (lr / (1 - BETA1^t), 1 / sqrt(1 - BETA2^t)), made in float64 as the
// gains are: in float32 the first step's 1 - BETA2 alone would be wrong by 5e-5.

override SIZE : u32;
override BETA1 : f32;
override BETA2 : f32;
override GAIN1 : f32;
override GAIN2 : f32;
override EPS : f32;

@group(0) @binding(0) var<storage, read_write> p : array<f32>;       // [N,...] as are m, v and g
@group(0) @binding(1) var<storage, read_write> m : array<f32>;
@group(0) @binding(2) var<storage, read_write> v : array<f32>;
@group(0) @binding(3) var<storage, read> g : array<f32>;
@group(0) @binding(4) var<storage, read> rates : array<vec2f>;       // [steps]
@group(0) @binding(5) var<storage, read> clock : array<u32>;         // [0] the step

@compute @workgroup_size(64)
fn update(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= SIZE) { return; }
  let i = id.y * SIZE + id.x;
  let rate = rates[clock[0]];
  let gradient = g[i];
  let first = BETA1 * m[i] + GAIN1 * gradient;
  let second = BETA2 * v[i] + GAIN2 * gradient * gradient;
  m[i] = first;
  v[i] = second;
  p[i] += rate.x * first / (sqrt(second) * rate.y + EPS);
}
