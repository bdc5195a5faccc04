// y  = max(x, 0)
// dx = dy where x > 0, else 0

override SIZE : u32;                                                 // elements of one sample
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@group(0) @binding(2) var<storage, read> dy : array<f32>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= SIZE) { return; }
  let i = id.y * SIZE + id.x;
  y[i] = max(x[i], 0.0);
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= SIZE) { return; }
  let i = id.y * SIZE + id.x;
  var d = select(0.0, dy[i], x[i] > 0.0);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
