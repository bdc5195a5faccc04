// The gradient of packedMaxPool.wgsl by x: a gather over the outputs that cover a pixel.
// dx[n,c,h,v] = sum of dy[n,c,p,q] over the outputs whose argmax is (h,v)

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

@group(0) @binding(0) var argmax : texture_storage_2d<rgba32float, read>;  // [N,PLANES,P,Q,4]
@group(0) @binding(1) var dy : texture_storage_2d<rgba32float, read>;      // [N,PLANES,P,Q,4]
@group(0) @binding(2) var<storage, read_write> dx : array<vec4f>;          // [N,PLANES,H,W]

fn texel(i : i32) -> vec2i { return vec2i(i % 2048, i / 2048); }

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let plane = i32(id.x) / (H * W);
  if (plane >= PLANES) { return; }
  let own = vec4f(f32(i32(id.x) % (H * W)));
  let h = i32(id.x) / W % H + TOP;
  let v = i32(id.x) % W + LEFT;
  let first = (i32(id.y) * PLANES + plane) * P * Q;

  var d = vec4f(0);
  for (var p = max(0, (h - SIZE + STRIDE) / STRIDE); p < min(P, h / STRIDE + 1); p++) {
    for (var q = max(0, (v - SIZE + STRIDE) / STRIDE); q < min(Q, v / STRIDE + 1); q++) {
      let there = texel(first + p * Q + q);
      d += select(vec4f(0), textureLoad(dy, there), textureLoad(argmax, there) == own);
    }
  }
  let i = id.y * u32(PLANES * H * W) + id.x;
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
