// Starts the thread that trains: from a file beside this one or, where the page is one file, from its own text.

/** @returns {Worker} */
export function startWorker() {
  const source = document.getElementById("softreg-worker");
  if (!source) return new Worker(new URL("./trainer_worker.js", import.meta.url), { type: "module" });
  const blob = new Blob([source.textContent ?? ""], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(blob));
}
