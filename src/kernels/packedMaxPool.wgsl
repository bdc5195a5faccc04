// Max pooling and the ReLU after it, for packed tensors: one invocation owns a texel, four channels of a pixel.
//
// y[n,c,p,q]  = max(0, max over r,s < SIZE of x[n,c,h,v])     h = p*STRIDE - TOP + r,  v = q*STRIDE - LEFT + s
// argmax      = h*W + v of the first maximum (row by row), as PyTorch breaks ties; -1 where the ReLU is shut
// dx[n,c,h,v] = sum of dy[n,c,p,q] over the outputs whose argmax is (h,v): a gather over the covering outputs
// Outside x is ignored. Positions are kept as floats, exact below 2^24; the gradient reads them as texels.

override PLANES : i32;                                               // texels per pixel
override H : i32;
override W : i32;
override P : i32;
override Q : i32;
override SIZE : i32;
override STRIDE : i32;
override TOP : i32;
override LEFT : i32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var x : texture_storage_2d<rgba32float, read>;         // [N,PLANES,H,W,4]
@group(0) @binding(1) var<storage, read_write> y : array<vec4f>;             // [N,PLANES,P,Q]
@group(0) @binding(2) var<storage, read_write> argmax : array<vec4f>;        // [N,PLANES,P,Q]
@group(0) @binding(3) var positions : texture_storage_2d<rgba32float, read>; // argmax
@group(0) @binding(4) var dy : texture_storage_2d<rgba32float, read>;        // [N,PLANES,P,Q,4]
@group(0) @binding(5) var<storage, read_write> dx : array<vec4f>;            // [N,PLANES,H,W]

fn texel(i : i32) -> vec2i { return vec2i(i % 2048, i / 2048); }

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let plane = i32(id.x) / (P * Q);
  if (plane >= PLANES) { return; }
  let top = i32(id.x) / Q % P * STRIDE - TOP;
  let left = i32(id.x) % Q * STRIDE - LEFT;
  let first = (i32(id.y) * PLANES + plane) * H * W;

  // bounds that the compiler knows, so that it unrolls the loops
  var best = vec4f(0);
  var where_best = vec4f(-1);
  for (var r = 0; r < SIZE; r++) {
    for (var s = 0; s < SIZE; s++) {
      let h = top + r;
      let v = left + s;
      let inside = h >= 0 && h < H && v >= 0 && v < W;
      let value = textureLoad(x, texel(select(0, first + h * W + v, inside)));
      let higher = (value > best) & vec4<bool>(inside);
      best = select(best, value, higher);
      where_best = select(where_best, vec4f(f32(h * W + v)), higher);
    }
  }
  let i = id.y * u32(PLANES * P * Q) + id.x;
  y[i] = best;
  argmax[i] = where_best;
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let plane = i32(id.x) / (H * W);
  if (plane >= PLANES) { return; }
  let own = vec4f(f32(i32(id.x) % (H * W)));
  let h = i32(id.x) / W % H + TOP;
  let v = i32(id.x) % W + LEFT;
  let first = (i32(id.y) * PLANES + plane) * P * Q;

  var d = vec4f(0);
  for (var i = 0; i < (SIZE + STRIDE - 1) / STRIDE; i++) {
    for (var j = 0; j < (SIZE + STRIDE - 1) / STRIDE; j++) {
      let p = h / STRIDE - i;
      let q = v / STRIDE - j;
      let covers = p >= 0 && p < P && q >= 0 && q < Q && h >= 0 && v >= 0;
      let there = texel(select(0, first + p * Q + q, covers));
      let hit = (textureLoad(positions, there) == own) & vec4<bool>(covers);
      d += select(vec4f(0), textureLoad(dy, there), hit);
    }
  }
  let i = id.y * u32(PLANES * H * W) + id.x;
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
