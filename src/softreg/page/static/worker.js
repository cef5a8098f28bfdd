// Starts a thread: from a file beside this one or, where the page is one file, from a text in it.

/**
 * @param {"trainer_worker" | "answer_worker"} name
 * @returns {Worker}
 */
export function startWorker(name) {
  const source = document.getElementById(`softreg-${name}`);
  if (!source) return new Worker(new URL(`./${name}.js`, import.meta.url), { type: "module" });
  const blob = new Blob([source.textContent ?? ""], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(blob));
}
