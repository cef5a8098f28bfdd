// Grey images as arrays of floats: resized, filtered and measured as Pillow and SciPy do it.

/** @import { Grey } from "./types.d.ts" */

/**
 * @param {number} width
 * @param {number} height
 * @returns {Grey}
 */
export const createGrey = (width, height) => ({ width, height, values: new Float32Array(width * height) });

/**
 * @param {Grey} grey
 * @param {(value: number, i: number) => number} f
 * @returns {Grey}
 */
export const mapGrey = ({ width, height, values }, f) => ({ width, height, values: values.map(f) });

/**
 * A window of the image; what lies beyond its edges is 0.
 * @param {Grey} grey
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 */
export function cropGrey(grey, left, top, width, height) {
  const crop = createGrey(width, height);
  for (let y = Math.max(0, -top); y < Math.min(height, grey.height - top); y++)
    for (let x = Math.max(0, -left); x < Math.min(width, grey.width - left); x++)
      crop.values[y * width + x] = grey.values[(y + top) * grey.width + x + left];
  return crop;
}

/** @typedef {{ reach: number, at: (x: number) => number }} Kernel of an interpolation: 0 from `reach` on */

/** @type {Kernel} linear interpolation */
export const triangle = { reach: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) };

/** @type {Kernel} Keys' cubic convolution, a = -0.5 */
const cubic = { reach: 2, at: cubicAt };

/** @param {number} x */
function cubicAt(x) {
  const [a, d] = [-0.5, Math.abs(x)];
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

/**
 * The part of a line from `from` to `to` brought to `size` pixels: for each the first pixel it is made of, and their
 * weights.
 * @param {number} length
 * @param {number} from
 * @param {number} to
 * @param {number} size
 * @param {Kernel} kernel
 */
function weightsOf(length, from, to, size, { reach, at }) {
  const scale = (to - from) / size;
  const stretch = Math.max(1, scale); // when shrinking, the kernel is as wide as what a pixel replaces
  return Array.from({ length: size }, (_, i) => {
    const centre = from + (i + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach * stretch + 0.5));
    const stop = Math.min(length, Math.trunc(centre + reach * stretch + 0.5));
    const weights = Array.from({ length: stop - first }, (_, k) => at((k + first - centre + 0.5) / stretch));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: weights.map((weight) => weight / total) };
  });
}

/**
 * Each pixel of the result as a weighted sum along a line of the source: across if `stride` is 1, else down.
 * @param {Float32Array} source
 * @param {Float32Array} out
 * @param {{ first: number, weights: number[] }[]} kernels one for each place on the line
 * @param {number} stride from one pixel of a line to the next
 * @param {number} lines
 * @param {[number, number]} pitch from one line to the next, in the source and in the result
 */
function alongLines(source, out, kernels, stride, lines, [from, to]) {
  for (let at = 0; at < kernels.length; at++) {
    const { first, weights } = kernels[at];
    for (let line = 0; line < lines; line++) {
      let sum = 0;
      for (let k = 0; k < weights.length; k++) sum += weights[k] * source[line * from + (first + k) * stride];
      out[line * to + at * stride] = sum;
    }
  }
}

/**
 * The part `box` (left, top, right, bottom) at another size, interpolated, anti-aliased when shrinking.
 * @param {Grey} grey
 * @param {number} width
 * @param {number} height
 * @param {[number, number, number, number]} box
 * @param {Kernel} [kernel]
 */
export function resizeGrey(grey, width, height, [left, top, right, bottom], kernel = cubic) {
  const [across, out] = [createGrey(width, grey.height), createGrey(width, height)];
  const columns = weightsOf(grey.width, left, right, width, kernel);
  alongLines(grey.values, across.values, columns, 1, grey.height, [grey.width, width]);
  const rows = weightsOf(grey.height, top, bottom, height, kernel);
  alongLines(across.values, out.values, rows, width, width, [1, 1]);
  return out;
}

/**
 * Turned anticlockwise about its centre, as large as it has to be; bilinear, zero outside.
 * @param {Grey} grey
 * @param {number} degrees
 * @returns {Grey}
 */
export function turnGrey({ width, height, values }, degrees) {
  const [cos, sin] = [Math.cos, Math.sin].map((f) => f((degrees * Math.PI) / 180));
  const turned = createGrey(
    Math.ceil(Math.abs(cos) * width + Math.abs(sin) * height),
    Math.ceil(Math.abs(sin) * width + Math.abs(cos) * height),
  );
  for (let i = 0; i < turned.values.length; i++) {
    const [right, down] = [i % turned.width, Math.floor(i / turned.width)];
    const [dx, dy] = [right + 0.5 - turned.width / 2, down + 0.5 - turned.height / 2];
    const [x, y] = [width / 2 + cos * dx - sin * dy - 0.5, height / 2 + sin * dx + cos * dy - 0.5];
    if (x < 0 || y < 0 || x > width - 1 || y > height - 1) continue;
    const [left, top] = [Math.min(Math.floor(x), width - 2), Math.min(Math.floor(y), height - 2)];
    const at = top * width + left;
    const upper = values[at] + (x - left) * (values[at + 1] - values[at]);
    const lower = values[at + width] + (x - left) * (values[at + width + 1] - values[at + width]);
    turned.values[i] = upper + (y - top) * (lower - upper);
  }
  return turned;
}

/**
 * The largest value in 3 x 3 around each pixel.
 * @param {Grey} grey
 */
export function maximumFilter({ width, height, values }) {
  const [across, out] = [createGrey(width, height), createGrey(width, height)];
  for (let i = 0; i < values.length; i++) {
    const x = i % width;
    const left = x > 0 ? values[i - 1] : values[i];
    const right = x < width - 1 ? values[i + 1] : values[i];
    across.values[i] = Math.max(left, values[i], right);
  }
  for (let i = 0; i < values.length; i++) {
    const above = i >= width ? across.values[i - width] : across.values[i];
    const below = i < values.length - width ? across.values[i + width] : across.values[i];
    out.values[i] = Math.max(above, across.values[i], below);
  }
  return out;
}

/**
 * A Gaussian blur, cut off at four deviations; the image is mirrored at its edges.
 * @param {Grey} grey
 * @param {number} deviation
 */
export function gaussianFilter({ width, height, values }, deviation) {
  const radius = Math.trunc(4 * deviation + 0.5);
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, k) => Math.exp(-0.5 * ((k - radius) / deviation) ** 2));
  const total = kernel.reduce((sum, weight) => sum + weight, 0);
  /** @param {number} length of a line: for each place the weights of all places */
  const mirrored = (length) =>
    Array.from({ length }, (_, at) => {
      const first = Math.max(0, at - radius);
      const weights = new Array(Math.min(length, at + radius + 1) - first).fill(0);
      for (let k = -radius; k <= radius; k++) {
        const place = (((at + k) % (2 * length)) + 2 * length) % (2 * length);
        weights[(place < length ? place : 2 * length - 1 - place) - first] += kernel[k + radius] / total;
      }
      return { first, weights };
    });
  const [down, out] = [createGrey(width, height), createGrey(width, height)];
  alongLines(values, down.values, mirrored(height), width, width, [1, 1]);
  alongLines(down.values, out.values, mirrored(width), 1, height, [width, width]);
  return out;
}

/**
 * The distance from each pixel to the nearest one that is marked, and which one that is: exact, in linear time
 * (Felzenszwalb and Huttenlocher, Distance transforms of sampled functions, Theory of Computing 8, 2012).
 * @param {ArrayLike<unknown>} marked
 * @param {number} width
 * @param {number} height
 */
export function distanceTransform(marked, width, height) {
  const nearestRow = new Int32Array(width * height).fill(-1); // in the same column
  for (let x = 0; x < width; x++) {
    for (let y = 0, last = -1; y < height; y++) {
      if (marked[y * width + x]) last = y;
      nearestRow[y * width + x] = last;
    }
    for (let y = height - 1, next = -1; y >= 0; y--) {
      const i = y * width + x;
      if (marked[i]) next = y;
      if (next >= 0 && (nearestRow[i] < 0 || next - y < y - nearestRow[i])) nearestRow[i] = next;
    }
  }
  const distance = new Float32Array(width * height).fill(Number.POSITIVE_INFINITY);
  const nearest = new Int32Array(width * height).fill(-1);
  for (let y = 0; y < height; y++) lowerEnvelope(nearestRow, y, width, distance, nearest);
  return { distance, nearest };
}

/**
 * One row of the transform: the lower envelope of the parabolas that its columns make.
 * @param {Int32Array} nearestRow
 * @param {number} y
 * @param {number} width
 * @param {Float32Array} distance
 * @param {Int32Array} nearest
 */
function lowerEnvelope(nearestRow, y, width, distance, nearest) {
  const [columns, starts] = [new Int32Array(width), new Float64Array(width)];
  let count = 0;
  /** @param {number} x */
  const height = (x) => (nearestRow[y * width + x] - y) ** 2 + x * x;
  for (let x = 0; x < width; x++) {
    if (nearestRow[y * width + x] < 0) continue;
    let start = Number.NEGATIVE_INFINITY;
    while (count) {
      const last = columns[count - 1];
      start = (height(x) - height(last)) / (2 * (x - last));
      if (start > starts[count - 1]) break;
      count--;
      start = Number.NEGATIVE_INFINITY;
    }
    columns[count] = x;
    starts[count++] = start;
  }
  for (let x = 0, k = 0; x < width && count; x++) {
    while (k + 1 < count && starts[k + 1] < x) k++;
    const [column, row] = [columns[k], nearestRow[y * width + columns[k]]];
    distance[y * width + x] = Math.sqrt((x - column) ** 2 + (y - row) ** 2);
    nearest[y * width + x] = row * width + column;
  }
}

/**
 * The value below which a share of the values lies, linearly interpolated.
 * @param {ArrayLike<number>} values
 * @param {number} share
 */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (place - low) * (sorted[high] - sorted[low]);
}
