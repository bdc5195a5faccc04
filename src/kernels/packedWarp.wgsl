// warp.wgsl for packed images, read as texels; an invocation has TALL pixels of a column, so that its map and the
// divisions for its place, which this kind of adapter does one lane at a time, serve all of them.
// y[p,q]  = x at (column, row), bilinear     column = xx q + xy p + x0,  row = yx q + yy p + y0
// dx[h,v] = sum over the outputs (p,q) whose four source pixels include (h,v) of their weight * dy[p,q]
// Outside x reads 0, and y is 0 outside its valid rectangle [x_low,x_high) x [y_low,y_high).
// NORMALIZED: what the network reads, (y - MEAN) / STD as in normalize.wgsl; the fourth channel is 0 and stays 0.
// The adjoint gathers: the inverse map says which few (p,q) can reach (h,v), at most CANDIDATES each way, and each of
// them repeats the arithmetic of forward, so the two are exact transposes of each other. Their number is a constant,
// because loops that a compiler can unroll take less time; so does a map whose fields the lanes load for each other.

enable subgroups;

override H : i32;
override W : i32;
override P : i32;
override Q : i32;
override CANDIDATES : i32;
override TALL : i32;
override NORMALIZED : bool = false;
override ACCUMULATE : bool = false;
const MEAN = vec4f(0.485, 0.456, 0.406, 0);
const STD = vec4f(0.229, 0.224, 0.225, 1);

struct Map {
  xx : f32, xy : f32, x0 : f32,
  yx : f32, yy : f32, y0 : f32,
  x_low : f32, x_high : f32, y_low : f32, y_high : f32,
}
const FIELDS = 10;

@group(0) @binding(0) var x : texture_storage_2d<rgba32float, read>; // [N,H,W,4]
@group(0) @binding(1) var<storage, read> maps : array<f32>;          // [steps,N,FIELDS]
@group(0) @binding(2) var<storage, read> clock : array<u32>;         // [0] the step
@group(0) @binding(3) var<storage, read_write> y : array<vec4f>;     // [N,P,Q]
@group(0) @binding(4) var dy : texture_storage_2d<rgba32float, read>;  // [N,P,Q,4]
@group(0) @binding(5) var<storage, read_write> dx : array<vec4f>;    // [N,H,W]

fn texel(i : i32) -> vec2i { return vec2i(i % 2048, i / 2048); }

/** The map of a sample: the lanes load its fields, at least eight at a time, and tell each other. */
fn map_of(row : u32, lane : u32) -> Map {
  let a = maps[row * FIELDS + lane % 8];
  let b = maps[row * FIELDS + 8 + lane % 2];
  return Map(
    subgroupBroadcast(a, 0), subgroupBroadcast(a, 1), subgroupBroadcast(a, 2),
    subgroupBroadcast(a, 3), subgroupBroadcast(a, 4), subgroupBroadcast(a, 5),
    subgroupBroadcast(a, 6), subgroupBroadcast(a, 7), subgroupBroadcast(b, 0), subgroupBroadcast(b, 1),
  );
}

/** Where output pixel (q, p) looks: (column, row). */
fn source(m : Map, q : f32, p : f32) -> vec2f {
  return vec2f(m.xx * q + m.xy * p + m.x0, m.yx * q + m.yy * p + m.y0);
}

/** A whole number as an integer. Conversions that saturate are done one lane at a time here; coordinates are small. */
fn whole(v : vec2f) -> vec2i { return bitcast<vec2i>(v + 12582912.0) - 0x4B400000; }

fn pixel(plane : i32, h : i32, v : i32) -> vec4f {
  let inside = h >= 0 && h < H && v >= 0 && v < W;
  return select(vec4f(), textureLoad(x, texel(select(0, plane + h * W + v, inside))), inside);
}

@compute @workgroup_size(64)
fn forward(
  @builtin(global_invocation_id) id : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(subgroup_invocation_id) lane : u32,
) {
  let m = map_of(clock[0] * groups.y + id.y, lane);
  let q = i32(id.x) % Q;
  let first = i32(id.x) / Q * TALL;
  let plane = i32(id.y) * H * W;
  for (var i = 0; i < TALL; i++) {
    let p = first + i;
    if (p >= P) { break; }
    let at = source(m, f32(q), f32(p));
    let low = floor(at);
    let t = at - low;
    let h = whole(low).y;
    let v = whole(low).x;
    let top = (1 - t.x) * pixel(plane, h, v) + t.x * pixel(plane, h, v + 1);
    let bottom = (1 - t.x) * pixel(plane, h + 1, v) + t.x * pixel(plane, h + 1, v + 1);
    let valid = f32(q) >= m.x_low && f32(q) < m.x_high && f32(p) >= m.y_low && f32(p) < m.y_high;
    var value = select(vec4f(), (1 - t.y) * top + t.y * bottom, valid);
    if (NORMALIZED) { value = (value - MEAN) / STD; }
    y[(i32(id.y) * P + p) * Q + q] = value;
  }
}

@compute @workgroup_size(64)
fn backward_x(
  @builtin(global_invocation_id) id : vec3u,
  @builtin(num_workgroups) groups : vec3u,
  @builtin(subgroup_invocation_id) lane : u32,
) {
  let m = map_of(clock[0] * groups.y + id.y, lane);
  let column = i32(id.x) % W;
  let first = i32(id.x) / W * TALL;
  // how far an output can be from where a map looks at a pixel exactly, to still touch it
  let determinant = m.xx * m.yy - m.xy * m.yx;
  let reach = vec2f(abs(m.yy) + abs(m.xy), abs(m.xx) + abs(m.yx)) / abs(determinant) + 0.001;
  let least = vec2f(max(m.x_low, 0.0), max(m.y_low, 0.0));
  let most = vec2f(min(m.x_high, f32(Q)) - 1, min(m.y_high, f32(P)) - 1);
  let plane = i32(id.y) * P * Q;
  for (var i = 0; i < TALL; i++) {
    if (first + i >= H) { break; }
    let h = f32(first + i);
    let v = f32(column);
    let x = m.yy * (v - m.x0) - m.xy * (h - m.y0);
    let centre = vec2f(x, m.xx * (h - m.y0) - m.yx * (v - m.x0)) / determinant;
    let low = max(ceil(centre - reach), least);
    let high = min(floor(centre + reach), most);
    let corner = plane + whole(low).y * Q + whole(low).x;
    var d = vec4f();
    for (var j = 0; j < CANDIDATES * CANDIDATES; j++) {
      let step = vec2i(j % CANDIDATES, j / CANDIDATES);
      let at = low + vec2f(step);
      let inside = all(at <= high);
      let weights = saturate(1 - abs(source(m, at.x, at.y) - vec2f(v, h)));
      let there = textureLoad(dy, texel(select(plane, corner + step.y * Q + step.x, inside)));
      d += select(0.0, weights.x * weights.y, inside) * there;
    }
    if (NORMALIZED) { d /= STD; }
    let at = (i32(id.y) * H + first + i) * W + column;
    if (ACCUMULATE) { d += dx[at]; }
    dx[at] = d;
  }
}
