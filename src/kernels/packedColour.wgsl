// colour.wgsl with a packed result: y [N,1,pixels,4] = (r, g, b, 0). An invocation has every STEPth pixel, TALL of them.
// y[o]  = sigmoid(sum_i COLOUR[o][i] x[i])         dx[i] = sum_o COLOUR[o][i] dy[o] y[o] (1 - y[o])

const COLOUR = array<vec3f, 3>(
  vec3f(0.26, 0.09, 0.02) / 0.4619524,
  vec3f(0.27, 0.00, -0.05) / 0.4619524,
  vec3f(0.27, -0.09, 0.03) / 0.4619524,
);

override PIXELS : u32;
override TALL : u32;
override STEP : u32;                                                 // PIXELS / TALL, rounded up
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,3,pixels]
@group(0) @binding(1) var<storage, read_write> y : array<vec4f>;     // [N,pixels]
@group(0) @binding(2) var<storage, read> dy : array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= STEP) { return; }
  for (var k = 0u; k < TALL; k++) {
    let at = id.x + k * STEP;
    if (at >= PIXELS) { break; }
    let i = id.y * 3 * PIXELS + at;
    let t = vec3f(x[i], x[i + PIXELS], x[i + 2 * PIXELS]);
    let rgb = vec3f(dot(COLOUR[0], t), dot(COLOUR[1], t), dot(COLOUR[2], t));
    y[id.y * PIXELS + at] = vec4f(1 / (1 + exp(-rgb)), 0);
  }
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= STEP) { return; }
  for (var k = 0u; k < TALL; k++) {
    let at = id.x + k * STEP;
    if (at >= PIXELS) { break; }
    let i = id.y * 3 * PIXELS + at;
    let rgb = y[id.y * PIXELS + at].xyz;
    let dt = dy[id.y * PIXELS + at].xyz * rgb * (1 - rgb);
    var d = dt.x * COLOUR[0] + dt.y * COLOUR[1] + dt.z * COLOUR[2];
    if (ACCUMULATE) { d += vec3f(dx[i], dx[i + PIXELS], dx[i + 2 * PIXELS]); }
    dx[i] = d.x;
    dx[i + PIXELS] = d.y;
    dx[i + 2 * PIXELS] = d.z;
  }
}
