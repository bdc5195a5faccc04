// The end of a step: writes what happened into the trace and advances the clock.
// trace[step, n] = (objective, norm of the gradient)
// `norm` sums the squares of one sample with a workgroup: every invocation a strided part, then a tree, so the
// order of the sum never changes. `advance` must run last; it is a single invocation.

alias Element = f32;

override SIZE : u32;                                                 // elements of one sample of g

@group(0) @binding(0) var<storage, read> objective : array<f32>;     // [N]
@group(0) @binding(1) var<storage, read> g : array<Element>;             // [N,...]
@group(0) @binding(2) var<storage, read_write> trace : array<vec2f>; // [steps,N]
@group(0) @binding(3) var<storage, read_write> clock : array<u32>;   // [0] the step

fn square(v : Element) -> f32 { return v * v; }

var<workgroup> partial : array<f32, 64>;

@compute @workgroup_size(64)
fn norm(
  @builtin(local_invocation_index) lane : u32,
  @builtin(workgroup_id) group : vec3u,
  @builtin(num_workgroups) groups : vec3u,
) {
  var sum = 0.0;
  for (var i = lane; i < SIZE; i += 64) { sum += square(g[group.y * SIZE + i]); }
  partial[lane] = sum;
  for (var half = 32u; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { partial[lane] += partial[lane + half]; }
  }
  if (lane == 0) { trace[clock[0] * groups.y + group.y] = vec2f(objective[group.y], sqrt(partial[0])); }
}

@compute @workgroup_size(1)
fn advance() {
  clock[0] += 1;
}
