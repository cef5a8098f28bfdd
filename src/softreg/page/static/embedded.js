// What travels in the page itself where no server is behind it: texts, a model and, if it was asked for, images of
// MNIST.

/** @import { Embedded, LabelledImages, PackedFloats, PackedWeights, Weights } from "./types.d.ts" */

import { SIZE } from "./image_format.js";

const block = document.getElementById("softreg-data");

/** @type {Embedded | null} */
export const embedded = block ? JSON.parse(block.textContent ?? "") : null;

/** @param {string} text base64 */
export const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** @param {PackedFloats} packed */
export function floatsOf({ type, bytes }) {
  const raw = bytesOf(bytes);
  if (type === "int8") return Float32Array.from(new Int8Array(raw.buffer));
  return type === "float32" ? new Float32Array(raw.buffer) : halvesOf(new Uint16Array(raw.buffer));
}

/** @param {Record<string, PackedFloats>} packed */
export const allFloatsOf = (packed) =>
  Object.fromEntries(Object.entries(packed).map(([name, floats]) => [name, floatsOf(floats)]));

/**
 * @template {PackedWeights} T
 * @param {T} packed
 * @returns {T & Weights}
 */
export const unpacked = ({ weight, bias, buffers, detector, ...rest }) =>
  /** @type {any} */ ({
    ...rest,
    weight: floatsOf(weight),
    bias: floatsOf(bias),
    buffers: allFloatsOf(buffers),
    detector: detector ? allFloatsOf(detector) : undefined,
  });

/**
 * @param {ReadableStream<Uint8Array<ArrayBuffer>> | null | undefined} stream of gzip
 */
async function inflated(stream) {
  const plain = stream?.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(plain).arrayBuffer());
}

/** @param {string} text base64 of gzip */
export const inflatedText = (text) => inflated(new Blob([bytesOf(text)]).stream());

/** @param {Uint16Array} bits of float16 */
function halvesOf(bits) {
  const floats = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const [exponent, fraction] = [(bits[i] >> 10) & 31, bits[i] & 1023];
    const magnitude = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    floats[i] = bits[i] >> 15 ? -magnitude : magnitude;
  }
  return floats;
}

/**
 * The images of a part, `SIZE` bytes each, and their labels; they are packed with gzip, the labels last.
 * @param {"train" | "test"} part
 * @returns {Promise<LabelledImages>}
 */
export async function embeddedImages(part) {
  const images = embedded?.images;
  if (!images) throw new TypeError("no images travel with this page");
  const bytes = images.inFiles ? await inflated((await fetch(images[part])).body) : await inflatedText(images[part]);
  const count = bytes.length / (SIZE + 1);
  return {
    images: bytes.subarray(0, SIZE * count),
    labels: bytes.subarray(SIZE * count),
    classes: images.classes,
  };
}
