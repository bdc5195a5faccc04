// Max pooling and the ReLU after it, for packed tensors: one invocation owns a texel of y, four channels of a pixel; going
// back one owns a block of STRIDE x STRIDE texels of dx, which the same outputs can reach.
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

const MOST_STRIDE = 3;

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

/** Blocks are counted in x with its padding (it may be cropped: negative), from the first that holds a pixel. */
fn block_of(i : i32) -> i32 { return select(i, i - STRIDE + 1, i < 0) / STRIDE; }

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let first_row = block_of(TOP);
  let first_column = block_of(LEFT);
  let rows = block_of(H - 1 + TOP) - first_row + 1;
  let columns = block_of(W - 1 + LEFT) - first_column + 1;
  let plane = i32(id.x) / (rows * columns);
  if (plane >= PLANES) { return; }
  let row = i32(id.x) / columns % rows + first_row;
  let column = i32(id.x) % columns + first_column;
  let first = (i32(id.y) * PLANES + plane) * P * Q;

  var d : array<vec4f, MOST_STRIDE * MOST_STRIDE>;
  for (var i = 0; i < (SIZE + STRIDE - 1) / STRIDE; i++) {
    for (var j = 0; j < (SIZE + STRIDE - 1) / STRIDE; j++) {
      let p = row - i;
      let q = column - j;
      let covers = p >= 0 && p < P && q >= 0 && q < Q;
      let there = texel(select(0, first + p * Q + q, covers));
      let position = textureLoad(positions, there);
      let gradient = textureLoad(dy, there);
      for (var a = 0; a < STRIDE; a++) {
        for (var b = 0; b < STRIDE; b++) {
          let own = (row * STRIDE + a - TOP) * W + column * STRIDE + b - LEFT;
          let hit = (position == vec4f(f32(own))) & vec4<bool>(covers);
          d[a * STRIDE + b] += select(vec4f(0), gradient, hit);
        }
      }
    }
  }
  let to = (i32(id.y) * PLANES + plane) * H * W;
  for (var a = 0; a < STRIDE; a++) {
    for (var b = 0; b < STRIDE; b++) {
      let h = row * STRIDE + a - TOP;
      let v = column * STRIDE + b - LEFT;
      if (h >= 0 && h < H && v >= 0 && v < W) {
        let i = to + h * W + v;
        var sum = d[a * STRIDE + b];
        if (ACCUMULATE) { sum += dx[i]; }
        dx[i] = sum;
      }
    }
  }
}
