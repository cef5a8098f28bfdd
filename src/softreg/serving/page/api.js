// Requests to the server. A refusal becomes an ApiError whose message is the server's own sentence.

/** @import { PredictAnswer } from "./types.d.ts" */

import { language } from "./i18n.js";

export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * @param {string} path
 * @param {RequestInit & { headers?: Record<string, string> }} [options]
 */
async function request(path, options = {}) {
  const headers = { "Accept-Language": language, ...options.headers };
  const response = await fetch(path, { ...options, headers });
  const value = await response.json();
  if (!response.ok) throw new ApiError(value.error, response.status);
  return value;
}

/** @param {string} path */
export const get = (path) => request(path);

/**
 * @param {string} path
 * @param {unknown} [value]
 */
export function post(path, value = {}) {
  return request(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(value),
  });
}

/**
 * What `model` makes of a picture; `include` may ask for its stages and the evidence.
 * @param {Blob} picture
 * @param {string} model
 * @param {("stages" | "evidence")[]} [include]
 * @returns {Promise<PredictAnswer>}
 */
export function predict(picture, model, include = []) {
  const query = new URLSearchParams({ model, include: include.join(",") });
  const headers = { "Content-Type": picture.type || "image/png" };
  return request(`/predict?${query}`, { method: "POST", headers, body: picture });
}
