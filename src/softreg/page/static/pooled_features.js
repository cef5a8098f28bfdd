// The feature maps patches, scattering, both and views, as src/softreg/features/pooled.py and the files beside it
// compute them: activations of the upright image, pooled in Gaussian windows, square-rooted, standardised.

/** @import { Alignment } from "./features.js" */
/** @import { Buffers } from "./types.d.ts" */

import { alignment, centring, inkOf, unwarp, warp } from "./features.js";
import { SIDE, SIZE } from "./image_format.js";

const EPS = 1e-3; // added to activations and ink when evidence is distributed
const FILTER_WIDTH = 1.5; // pixels, of the Gaussian by which evidence spreads over the ink
const [PATCH, CONTRAST] = [7, (10 / 255) ** 2];
const [ANGLES, WAVELET_SIZES] = [8, [9, 13]];

/**
 * @typedef {{ places: number, cells: number, values: Float32Array }} Windows g (places, cells)
 * @typedef {{ u: Float32Array, channels: number, windows: Windows }} Activations u (C, places, places)
 */

/**
 * Gaussian windows over every `stride`-th pixel, each summing to 1.
 * @param {number} stride
 * @param {number} cells
 * @param {number} spacing
 * @param {number} width
 * @returns {Windows}
 */
function gaussianWindows(stride, cells, spacing, width) {
  const places = Math.ceil(SIDE / stride);
  const values = new Float32Array(places * cells);
  for (let k = 0; k < cells; k++) {
    const centre = SIDE / 2 + (k - (cells - 1) / 2) * spacing;
    const g = Array.from({ length: places }, (_, p) => {
      const pixel = ((p + 0.5) * SIDE) / places;
      return Math.exp(-((pixel - centre) ** 2) / (2 * width ** 2));
    });
    const total = g.reduce((sum, value) => sum + value, 0);
    for (let p = 0; p < places; p++) values[p * cells + k] = g[p] / total;
  }
  return { places, cells, values };
}

const PATCH_WINDOWS = gaussianWindows(2, 4, 5.6, 3);
const FINE_WINDOWS = gaussianWindows(1, 7, 4, 1.7);
const COARSE_WINDOWS = gaussianWindows(2, 7, 4, 1.7);

/**
 * Both sides of the filters' responses to the normalised 7 x 7 patches around every second pixel.
 * @param {Float32Array} plane 28 x 28
 * @param {Buffers} buffers
 * @returns {Activations[]}
 */
function patchActivations(plane, { filters, offset }) {
  const { places } = PATCH_WINDOWS;
  const count = offset.length;
  const u = new Float32Array(2 * count * places * places);
  const response = new Float32Array(count);
  for (let place = 0; place < places * places; place++) {
    response.set(offset);
    const patch = normalisedPatch(plane, 2 * (place % places) - 3, 2 * Math.floor(place / places) - 3);
    for (let j = 0; j < patch.length; j++)
      if (patch[j]) for (let f = 0; f < count; f++) response[f] += patch[j] * filters[j * count + f];
    for (let f = 0; f < count; f++) {
      u[f * places * places + place] = Math.max(response[f], 0);
      u[(count + f) * places * places + place] = Math.max(-response[f], 0);
    }
  }
  return [{ u, channels: 2 * count, windows: PATCH_WINDOWS }];
}

/**
 * @param {Float32Array} plane
 * @param {number} left
 * @param {number} top
 */
function normalisedPatch(plane, left, top) {
  const patch = new Float32Array(PATCH * PATCH);
  for (let y = Math.max(0, -top); y < Math.min(PATCH, SIDE - top); y++)
    for (let x = Math.max(0, -left); x < Math.min(PATCH, SIDE - left); x++)
      patch[y * PATCH + x] = plane[(top + y) * SIDE + left + x];
  const mean = patch.reduce((sum, value) => sum + value, 0) / patch.length;
  const variance = patch.reduce((sum, value) => sum + (value - mean) ** 2, 0) / patch.length;
  const deviation = Math.sqrt(variance + CONTRAST);
  return patch.map((value) => (value - mean) / deviation);
}

/**
 * The Morlet wavelets of one scale at all angles. As psi(-x) is the conjugate of psi(x), half the pixels suffice: those
 * before the middle in reading order, and the middle one, whose share is halved as it is its own opposite.
 * @param {number} scale
 */
function waveletBank(scale) {
  const [size, deviation, frequency] = [WAVELET_SIZES[scale], 0.8 * 2 ** scale, (0.75 * Math.PI) / 2 ** scale];
  const taps = (size * size + 1) / 2;
  const [real, imaginary] = [new Float64Array(taps * ANGLES), new Float64Array(taps * ANGLES)]; // (taps, A)
  for (let a = 0; a < ANGLES; a++) {
    const [cos, sin] = [Math.cos((Math.PI * a) / ANGLES), Math.sin((Math.PI * a) / ANGLES)];
    const [envelope, wave] = [new Float64Array(size * size), new Float64Array(size * size)];
    for (let i = 0; i < size * size; i++) {
      const [x, y] = [(i % size) - (size >> 1), Math.floor(i / size) - (size >> 1)];
      const [u, v] = [x * cos + y * sin, y * cos - x * sin];
      envelope[i] = Math.exp(-(u * u + (v * v) / 4) / (2 * deviation ** 2)) / (4 * Math.PI * deviation ** 2);
      wave[i] = envelope[i] * Math.cos(frequency * u);
      if (i < taps) imaginary[i * ANGLES + a] = envelope[i] * Math.sin(frequency * u);
    }
    const share = sumOf(wave) / sumOf(envelope); // so that the mean is zero; the imaginary part's is
    for (let i = 0; i < taps; i++) real[i * ANGLES + a] = wave[i] - share * envelope[i];
    real[(taps - 1) * ANGLES + a] /= 2;
  }
  return { size, taps, real, imaginary };
}

/** @param {Float64Array} values */
const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);

const WAVELETS = [waveletBank(0), waveletBank(1)];

/**
 * |image * psi| for all angles, at every `stride`-th pixel: (A, places, places).
 * @param {Float32Array} image 28 x 28
 * @param {number} scale
 * @param {number} stride
 */
function modulus(image, scale, stride) {
  const { size, taps, real, imaginary } = WAVELETS[scale];
  const [places, margin] = [Math.ceil(SIDE / stride), size >> 1];
  const width = SIDE + 2 * margin;
  const padded = new Float64Array(width * width);
  for (let y = 0; y < SIDE; y++) padded.set(image.subarray(y * SIDE, (y + 1) * SIDE), (y + margin) * width + margin);
  const offsets = Int32Array.from(
    { length: taps },
    (_, i) => (Math.floor(i / size) - margin) * width + (i % size) - margin,
  );
  const out = new Float32Array(ANGLES * places * places);
  const [re, im] = [new Float64Array(ANGLES), new Float64Array(ANGLES)];
  for (let place = 0; place < places * places; place++) {
    const at = (Math.floor(place / places) * stride + margin) * width + (place % places) * stride + margin;
    re.fill(0);
    im.fill(0);
    for (let tap = 0; tap < taps; tap++) {
      const before = padded[at + offsets[tap]];
      const after = padded[at - offsets[tap]];
      if (!before && !after) continue;
      const sum = before + after;
      const difference = before - after;
      for (let a = 0; a < ANGLES; a++) {
        re[a] += real[tap * ANGLES + a] * sum;
        im[a] += imaginary[tap * ANGLES + a] * difference;
      }
    }
    for (let a = 0; a < ANGLES; a++) out[a * places * places + place] = Math.sqrt(re[a] * re[a] + im[a] * im[a]);
  }
  return out;
}

/**
 * The ink, the first order at both scales, and the second order.
 * @param {Float32Array} plane
 * @returns {Activations[]}
 */
function scatteringActivations(plane) {
  const first = modulus(plane, 0, 1);
  const secondOrder = new Float32Array(ANGLES * ANGLES * COARSE_WINDOWS.places ** 2);
  for (let a = 0; a < ANGLES; a++) {
    const maps = modulus(first.subarray(a * SIZE, (a + 1) * SIZE), 1, 2);
    secondOrder.set(maps, a * maps.length);
  }
  return [
    { u: plane, channels: 1, windows: FINE_WINDOWS },
    { u: first, channels: ANGLES, windows: FINE_WINDOWS },
    { u: modulus(plane, 1, 2), channels: ANGLES, windows: COARSE_WINDOWS },
    { u: secondOrder, channels: ANGLES * ANGLES, windows: COARSE_WINDOWS },
  ];
}

/**
 * z (C, K, K): each channel summed in each window.
 * @param {Activations} activations
 */
function pool({ u, channels, windows: { places, cells, values: g } }) {
  const [z, across] = [new Float32Array(channels * cells * cells), new Float32Array(places * cells)];
  for (let c = 0; c < channels; c++) {
    across.fill(0);
    for (let i = 0; i < places * places; i++) {
      const value = u[c * places * places + i];
      if (!value) continue;
      const [row, column] = [Math.floor(i / places), i % places];
      for (let l = 0; l < cells; l++) across[row * cells + l] += value * g[column * cells + l];
    }
    for (let h = 0; h < places; h++)
      for (let k = 0; k < cells; k++)
        for (let l = 0; l < cells; l++) z[(c * cells + k) * cells + l] += g[h * cells + k] * across[h * cells + l];
  }
  return z;
}

/**
 * @param {Activations[]} groups
 * @param {Buffers} buffers
 */
function standardised(groups, { mean, scale }) {
  const x = new Float32Array(mean.length);
  let start = 0;
  for (const group of groups) {
    const z = pool(group);
    for (let j = 0; j < z.length; j++)
      x[start + j] = (Math.sqrt(Math.max(0, z[j])) - mean[start + j]) * scale[start + j];
    start += z.length;
  }
  return x;
}

/**
 * Distributes evidence of cells over the positions they pooled in proportion to the activations, and from each position
 * over the ink under the filter: on the upright image. What is the same for every class is computed once.
 * @param {Activations[]} groups
 * @param {Float32Array} plane
 * @returns {(evidence: Float32Array) => Float32Array}
 */
function distributor(groups, plane) {
  const unpools = groups.map(unpooler);
  const mass = plane.map((ink) => ink + EPS);
  const under = blurred(mass);
  return (evidence) => {
    const shares = new Float32Array(SIZE);
    let start = 0;
    for (const [i, { channels, windows }] of groups.entries()) {
      const size = channels * windows.cells ** 2;
      unpools[i](evidence.subarray(start, start + size), shares);
      start += size;
    }
    const spread = blurred(shares.map((share, i) => share / under[i]));
    return mass.map((ink, i) => ink * spread[i]);
  };
}

/**
 * @param {Activations} group
 * @returns {(evidence: Float32Array, shares: Float32Array) => void} adds its cells' evidence to the pixels' shares
 */
function unpooler({ u, channels, windows }) {
  const { places, cells, values: g } = windows;
  const factor = SIDE / places; // pixels for which a position stands, in each direction
  const positive = u.map((value) => value + EPS);
  const pooled = pool({ u: positive, channels, windows });
  const down = new Float64Array(places * cells);
  const atPositions = new Float64Array(places * places);
  return (evidence, shares) => {
    atPositions.fill(0);
    for (let c = 0; c < channels; c++) {
      down.fill(0);
      for (let k = 0; k < cells; k++)
        for (let l = 0; l < cells; l++) {
          const cell = (c * cells + k) * cells + l;
          const share = evidence[cell] / pooled[cell];
          for (let h = 0; h < places; h++) down[h * cells + l] += g[h * cells + k] * share;
        }
      for (let row = 0; row < places; row++)
        for (let column = 0; column < places; column++) {
          let sum = 0;
          for (let l = 0; l < cells; l++) sum += down[row * cells + l] * g[column * cells + l];
          const position = row * places + column;
          atPositions[position] += sum * positive[c * places * places + position];
        }
    }
    for (let i = 0; i < SIZE; i++) {
      const [row, column] = [Math.floor(i / SIDE / factor), Math.floor((i % SIDE) / factor)];
      shares[i] += atPositions[row * places + column] / factor ** 2;
    }
  };
}

const BLUR = Float32Array.from({ length: SIDE }, (_, d) => Math.exp(-(d ** 2) / (2 * FILTER_WIDTH ** 2)));

/** @param {Float32Array} image times a Gaussian of all pixels, in both directions */
function blurred(image) {
  const across = image.map((_, i) => {
    const [x, row] = [i % SIDE, i - (i % SIDE)];
    let sum = 0;
    for (let q = 0; q < SIDE; q++) sum += BLUR[Math.abs(x - q)] * image[row + q];
    return sum;
  });
  return across.map((_, i) => {
    const [x, y] = [i % SIDE, Math.floor(i / SIDE)];
    let sum = 0;
    for (let q = 0; q < SIDE; q++) sum += BLUR[Math.abs(y - q)] * across[q * SIDE + x];
    return sum;
  });
}

/**
 * A feature map of pooled activations.
 * @param {(plane: Float32Array, buffers: Buffers) => Activations[]} activate
 * @param {(ink: Float32Array) => Alignment} align how the digit is shifted first
 * @returns {import("./features.js").FeatureMap}
 */
const pooled = (activate, align = alignment) => ({
  transform(image, buffers) {
    const ink = inkOf(image);
    return standardised(activate(warp(ink, align(ink)), buffers), buffers);
  },
  explainer(image, buffers) {
    const ink = inkOf(image);
    const shifts = align(ink);
    const plane = warp(ink, shifts);
    const groups = activate(plane, buffers);
    const x = standardised(groups, buffers);
    const distribute = distributor(groups, plane);
    return (weight) => unwarp(distribute(weight.map((w, j) => w * x[j])), shifts);
  },
});

export const patches = pooled(patchActivations);
export const scattering = pooled(scatteringActivations);

/**
 * The buffers of one of several maps.
 * @param {Buffers} buffers
 * @param {string} prefix
 * @returns {Buffers}
 */
export const within = (buffers, prefix) =>
  Object.fromEntries(
    Object.entries(buffers)
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, values]) => [name.slice(prefix.length), values]),
  );

/**
 * Feature maps, one after the other; `parts` has them by the prefix of their buffers.
 * @param {Record<string, import("./features.js").FeatureMap>} parts
 * @returns {import("./features.js").FeatureMap}
 */
const concatenated = (parts) => ({
  transform(image, buffers) {
    const found = Object.entries(parts).map(([name, map]) => map.transform(image, within(buffers, `${name}.`)));
    const x = new Float32Array(found.reduce((length, part) => length + part.length, 0));
    let start = 0;
    for (const part of found) {
      x.set(part, start);
      start += part.length;
    }
    return x;
  },
  explainer(image, buffers) {
    const explainers = Object.entries(parts).map(([name, map]) => map.explainer(image, within(buffers, `${name}.`)));
    const dims = Object.keys(parts).map((name) => buffers[`${name}.mean`].length);
    return (weight) => {
      const shares = new Float32Array(SIZE);
      let start = 0;
      for (const [part, explain] of explainers.entries()) {
        const end = start + dims[part];
        for (const [i, share] of explain(weight.subarray(start, end)).entries()) shares[i] += share;
        start = end;
      }
      return shares;
    };
  },
});

export const both = concatenated({ scattering, patches });
export const views = concatenated({ scattering, patches, slanted: pooled(patchActivations, centring) });
