// The server's answers. A refusal becomes an Error whose message is the server's own sentence.

import { language } from "./words.js";

async function ask(path, options = {}) {
  const headers = { "Accept-Language": language, ...options.headers };
  const answer = await fetch(path, { ...options, headers });
  const value = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(value.error), { status: answer.status });
  return value;
}

export const get = (path) => ask(path);

export const post = (path, value) =>
  ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value ?? {}) });

export function predict(picture, model, include, signal) {
  const query = new URLSearchParams({ model, include: include.join(",") });
  return ask(`/predict?${query}`, { method: "POST", headers: { "Content-Type": picture.type || "image/png" }, body: picture, signal });
}
