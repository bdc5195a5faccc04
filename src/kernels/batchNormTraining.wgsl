// mean, variance = of a channel over samples and pixels, COUNT numbers (the variance divides by COUNT)
// z     = (x - mean) / sqrt(variance + EPS)              y = gamma z + beta
// dbeta = sum dy           dgamma = sum dy z
// dx    = gamma / sqrt(variance + EPS) (dy - dbeta / COUNT - z dgamma / COUNT)
// Sums: a workgroup per channel, every invocation a strided part, then a tree: the order never changes.
// A plane holds SIDE channels of every pixel side by side: 1, or 4 where tensors are packed (pack.ts).

override C : u32;
override PIXELS : u32;
override SIDE : u32;
override COUNT : u32;
override EPS : f32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;                // [N,C/SIDE,pixels,SIDE]
@group(0) @binding(1) var<storage, read> gamma : array<f32>;            // [C], as are beta, mean and variance
@group(0) @binding(2) var<storage, read> beta : array<f32>;
@group(0) @binding(3) var<storage, read_write> mean : array<f32>;
@group(0) @binding(4) var<storage, read_write> variance : array<f32>;
@group(0) @binding(5) var<storage, read_write> y : array<f32>;          // as x
@group(0) @binding(6) var<storage, read> dy : array<f32>;
@group(0) @binding(7) var<storage, read_write> sums : array<vec2f>;     // [C] of dy and of dy z
@group(0) @binding(8) var<storage, read_write> dx : array<f32>;
@group(0) @binding(9) var<storage, read_write> dgamma : array<f32>;     // [C]
@group(0) @binding(10) var<storage, read_write> dbeta : array<f32>;     // [C]

var<workgroup> strands : array<vec2f, 64>;

/// The sum over the workgroup, in every invocation.
fn total(lane : u32, value : vec2f) -> vec2f {
  workgroupBarrier();                  // the sum before may still be being read
  strands[lane] = value;
  for (var half = 32u; half > 0; half /= 2) {
    workgroupBarrier();
    if (lane < half) { strands[lane] += strands[lane + half]; }
  }
  workgroupBarrier();
  return strands[0];
}

fn planes() -> u32 { return (C + SIDE - 1) / SIDE; }

/// Where number i of a channel lies.
fn place(c : u32, i : u32) -> u32 {
  return ((i / PIXELS * planes() + c / SIDE) * PIXELS + i % PIXELS) * SIDE + c % SIDE;
}

/// The channel of element i of a sample; C or more is padding.
fn channel(i : u32) -> u32 { return i / (PIXELS * SIDE) * SIDE + i % SIDE; }

@compute @workgroup_size(64)
fn statistics(@builtin(local_invocation_index) lane : u32, @builtin(workgroup_id) group : vec3u) {
  var sum = 0.0;
  for (var i = lane; i < COUNT; i += 64) { sum += x[place(group.y, i)]; }
  let m = total(lane, vec2f(sum, 0.0)).x / f32(COUNT);
  var squares = 0.0;                   // about the mean: a difference of large sums would lose digits
  for (var i = lane; i < COUNT; i += 64) {
    let deviation = x[place(group.y, i)] - m;
    squares += deviation * deviation;
  }
  let v = total(lane, vec2f(squares, 0.0)).x / f32(COUNT);
  if (lane == 0) {
    mean[group.y] = m;
    variance[group.y] = v;
  }
}

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let size = planes() * PIXELS * SIDE;
  if (id.x >= size) { return; }
  let c = channel(id.x);
  let i = id.y * size + id.x;
  y[i] = select(0.0, gamma[c] * ((x[i] - mean[c]) / sqrt(variance[c] + EPS)) + beta[c], c < C);
}

@compute @workgroup_size(64)
fn sum_dy(@builtin(local_invocation_index) lane : u32, @builtin(workgroup_id) group : vec3u) {
  let c = group.y;
  var sum = vec2f();
  for (var i = lane; i < COUNT; i += 64) {
    let at = place(c, i);
    sum += dy[at] * vec2f(1.0, (x[at] - mean[c]) / sqrt(variance[c] + EPS));
  }
  let all = total(lane, sum);
  if (lane == 0) { sums[c] = all; }
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let size = planes() * PIXELS * SIDE;
  if (id.x >= size) { return; }
  let c = channel(id.x);
  let i = id.y * size + id.x;
  let deviation = sqrt(variance[c] + EPS);
  let means = sums[c] / f32(COUNT);
  let slope = gamma[c] / deviation * (dy[i] - means.x - (x[i] - mean[c]) / deviation * means.y);
  var d = select(0.0, slope, c < C);
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}

@compute @workgroup_size(64)
fn backward_gamma(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C) { return; }
  var d = sums[id.x].y;
  if (ACCUMULATE) { d += dgamma[id.x]; }
  dgamma[id.x] = d;
}

@compute @workgroup_size(64)
fn backward_beta(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C) { return; }
  var d = sums[id.x].x;
  if (ACCUMULATE) { d += dbeta[id.x]; }
  dbeta[id.x] = d;
}
