// pad.wgsl for packed images, read as texels; an invocation has TALL pixels of a column, as in packedWarp.wgsl.
// y[p,q]  = x at frame coordinates (reflect(p + y0), reflect(q + x0))     reflect padding, the edge not repeated
// dx[h,v] = sum of dy over the outputs that read it: the pixel itself and its mirror images
// x is the window of an H_FRAME x W_FRAME picture that starts at `x_start`; y starts at `y_start`, which is
// negative inside the padding and positive where y crops. Frame pixels outside x read 0.

override H : i32;
override W : i32;
override P : i32;
override Q : i32;
override H_FRAME : i32;
override W_FRAME : i32;
override TALL : i32;
override ACCUMULATE : bool = false;

struct Placement { x_start : vec2i, y_start : vec2i }                // (row, column) each

@group(0) @binding(0) var x : texture_storage_2d<rgba32float, read>; // [N,H,W,4]
@group(0) @binding(1) var<storage, read> placements : array<Placement>;  // [steps,N]
@group(0) @binding(2) var<storage, read> clock : array<u32>;         // [0] the step
@group(0) @binding(3) var<storage, read_write> y : array<vec4f>;     // [N,P,Q]
@group(0) @binding(4) var dy : texture_storage_2d<rgba32float, read>;  // [N,P,Q,4]
@group(0) @binding(5) var<storage, read_write> dx : array<vec4f>;    // [N,H,W]

fn texel(i : i32) -> vec2i { return vec2i(i % 2048, i / 2048); }

fn reflect_into(i : i32, n : i32) -> i32 {
  let j = abs(i);
  return select(j, 2 * (n - 1) - j, j >= n);
}

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  let at = placements[clock[0] * groups.y + id.y];
  let q = i32(id.x) % Q;
  let v = reflect_into(q + at.y_start.y, W_FRAME) - at.x_start.y;
  for (var i = 0; i < TALL; i++) {
    let p = i32(id.x) / Q * TALL + i;
    if (p >= P) { break; }
    let h = reflect_into(p + at.y_start.x, H_FRAME) - at.x_start.x;
    let inside = h >= 0 && h < H && v >= 0 && v < W;
    let value = textureLoad(x, texel(select(0, (i32(id.y) * H + h) * W + v, inside)));
    y[(i32(id.y) * P + p) * Q + q] = select(vec4f(), value, inside);
  }
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  let at = placements[clock[0] * groups.y + id.y];
  let column = i32(id.x) % W;
  let v = column + at.x_start.y;                                  // frame coordinates
  let plane = i32(id.y) * P * Q;
  // v itself, its mirror at the first column and its mirror at the last; the border columns are their own mirrors
  let columns = vec3i(v, -v, 2 * (W_FRAME - 1) - v);
  for (var k = 0; k < TALL; k++) {
    let row = i32(id.x) / W * TALL + k;
    if (row >= H) { break; }
    let h = row + at.x_start.x;
    let rows = vec3i(h, -h, 2 * (H_FRAME - 1) - h);
    var d = vec4f();
    for (var i = 0; i < 3; i++) {
      let p = rows[i] - at.y_start.x;
      if (p < 0 || p >= P || (i > 0 && rows[i] == h)) { continue; }
      for (var j = 0; j < 3; j++) {
        let q = columns[j] - at.y_start.y;
        if (q < 0 || q >= Q || (j > 0 && columns[j] == v)) { continue; }
        d += textureLoad(dy, texel(plane + p * Q + q));
      }
    }
    let to = (i32(id.y) * H + row) * W + column;
    if (ACCUMULATE) { d += dx[to]; }
    dx[to] = d;
  }
}
