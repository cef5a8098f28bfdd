// Strokes as text for the page's address: a reload keeps a drawing, and a link shares it.

/** @typedef {{ points: [number, number, number][], pointer: number | null }} CodedStroke */

const MAX_POINTS = 1500; // in all: a longer address would be cut off by somebody
const MIN_STEP = 0.008; // of the sheet: points nearer to the last one are left out

/**
 * For each stroke the number of its points and their coordinates, a byte each, in base64 for URLs; empty if there are
 * too many.
 * @param {CodedStroke[]} strokes
 */
export function encodeStrokes(strokes) {
  /** @type {number[]} */
  const bytes = [];
  for (const { points } of strokes) {
    const kept = thinned(points);
    for (let start = 0; start < kept.length; start += 254) {
      const part = kept.slice(start, start + 255); // a long stroke in pieces that share a point
      bytes.push(part.length, ...part.flatMap(([x, y]) => [byteOf(x), byteOf(y)]));
    }
  }
  if (bytes.length > 2 * MAX_POINTS) return "";
  return btoa(String.fromCharCode(...bytes))
    .replace(/\+/g, "-")
    .replace(/\//g, "_")
    .replace(/=/g, "");
}

/**
 * The strokes of a code; none if it is not one.
 * @param {string} code
 * @returns {CodedStroke[]}
 */
export function decodeStrokes(code) {
  if (!/^[\w-]+$/.test(code) || code.length > 4 * MAX_POINTS) return [];
  /** @type {CodedStroke[]} */
  const strokes = [];
  try {
    const bytes = Uint8Array.from(atob(code.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
    for (let at = 0; at < bytes.length; at += 1 + 2 * bytes[at]) {
      if (!bytes[at] || at + 2 * bytes[at] >= bytes.length) return [];
      const coordinates = Array.from(bytes.subarray(at + 1, at + 1 + 2 * bytes[at]), (byte) => byte / 255);
      const points = Array.from({ length: bytes[at] }, (_, i) => [coordinates[2 * i], coordinates[2 * i + 1], 1]);
      strokes.push({ points: /** @type {[number, number, number][]} */ (points), pointer: null });
    }
  } catch {
    return [];
  }
  return strokes;
}

/** @param {[number, number, number][]} points */
function thinned(points) {
  /** @type {[number, number, number][]} */
  const kept = [];
  for (const [i, point] of points.entries()) {
    const last = kept.at(-1);
    const isFar = !last || Math.hypot(point[0] - last[0], point[1] - last[1]) >= MIN_STEP;
    if (isFar || i === points.length - 1) kept.push(point);
  }
  return kept;
}

/** @param {number} at from 0 to 1 */
const byteOf = (at) => Math.round(255 * Math.min(1, Math.max(0, at)));
