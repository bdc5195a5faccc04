// y[n,c] = mean over the pixels of x[n,c]          dx = dy / PIXELS

override C : u32;
override PIXELS : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C,pixels]
@group(0) @binding(1) var<storage, read_write> y : array<f32>;       // [N,C]
@group(0) @binding(2) var<storage, read> dy : array<f32>;            // [N,C]
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;      // [N,C,pixels]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C) { return; }
  let plane = (id.y * C + id.x) * PIXELS;
  var sum = 0.0;
  for (var i = 0u; i < PIXELS; i++) { sum += x[plane + i]; }
  y[id.y * C + id.x] = sum / f32(PIXELS);
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * PIXELS) { return; }
  let i = id.y * C * PIXELS + id.x;
  var d = dy[id.y * C + id.x / PIXELS] / f32(PIXELS);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
